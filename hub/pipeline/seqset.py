"""Many record numbers in little memory."""

__all__ = ["SeqSet"]

_PAGE = 1 << 15


class SeqSet:
    """Many seqs in little memory: bits, in pages."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self.count = 0

    def add(self, seq: int) -> None:
        page = self._pages.setdefault(seq // _PAGE, bytearray(_PAGE // 8))
        at, bit = divmod(seq % _PAGE, 8)
        self.count += not page[at] >> bit & 1
        page[at] |= 1 << bit

    def __contains__(self, seq: int) -> bool:
        page = self._pages.get(seq // _PAGE)
        at, bit = divmod(seq % _PAGE, 8)
        return page is not None and bool(page[at] >> bit & 1)
