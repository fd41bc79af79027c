from core.outward.forms import hex_signature


def test_the_signature_is_the_documented_hmac():
    # From RFC 4231, test case 2.
    assert hex_signature("Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
