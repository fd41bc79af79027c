#!/bin/sh
# Block a sender for a domain through the API of MXroute Manager, or of whatever speaks it.
#
#   export MXM_URL=https://manager.example.com MXM_TOKEN=mxm_...
#   ./blacklist-sender.sh --domain example.com --entry karen@hr.example.com
#
# The entry is an address, or only what stands before the @. The token needs the permission "spam" on the domain.
# Needs a POSIX shell and curl. Ends with 0 when the sender is blocked (before or now), 1 when the manager refused,
# 2 when the call makes no sense, 3 when the manager could not be reached.
set -eu

usage() {
    printf '%s\n' "usage: blacklist-sender.sh --domain DOMAIN --entry ADDRESS" "       with MXM_URL and MXM_TOKEN" >&2
    exit 2
}

fail() {
    printf 'blacklist-sender: %s\n' "$1" >&2
    exit "$2"
}

# Text between double quotes, in JSON and in curl's configuration alike.
quoted() {
    printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
}

domain='' entry=''
while [ "$#" -gt 0 ]; do
    [ "$#" -ge 2 ] || usage
    case "$1" in
        --domain) domain=$2 ;;
        --entry) entry=$2 ;;
        *) usage ;;
    esac
    shift 2
done

if [ -z "$domain" ] || [ -z "$entry" ]; then usage; fi
[ -n "${MXM_URL:-}" ] || fail 'MXM_URL is not set, for example https://manager.example.com' 2
[ -n "${MXM_TOKEN:-}" ] || fail 'MXM_TOKEN is not set' 2
case "$domain" in *[!A-Za-z0-9.-]*) fail "$domain is no domain name" 2 ;; esac
case "$entry$MXM_TOKEN" in *[[:cntrl:]]*) fail 'control characters are not taken' 2 ;; esac

body=$(printf '{"entry":"%s"}' "$(quoted "$entry")")

# The token goes in by standard input: arguments are seen by everybody on the machine.
answer=$(printf 'header = "Authorization: Bearer %s"\ndata = "%s"\n' "$(quoted "$MXM_TOKEN")" "$(quoted "$body")" |
    curl -sS --max-time 60 --config - -X POST -H 'Content-Type: application/json' -w '\n%{http_code}' \
        "${MXM_URL%/}/api/domains/$domain/spam/blacklist") || fail "$MXM_URL could not be reached" 3

status=${answer##*
}
case "$status" in
    2??) printf 'blocked %s for %s\n' "$entry" "$domain" ;;
    409) printf '%s is blocked for %s already\n' "$entry" "$domain" ;;
    *) fail "the manager answered $status: ${answer%
*}" 1 ;;
esac
