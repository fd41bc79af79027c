#!/bin/sh
# Make a mailbox through the API of MXroute Manager, or of whatever speaks it.
#
#   export MXM_URL=https://manager.example.com MXM_TOKEN=mxm_...
#   MXM_PASSWORD='...' ./deploy-mailbox.sh --domain example.com --username alex [--quota 1024] [--limit 9600]
#
# The token needs the permission "emails" on the domain. The password may also come by --password, where others on the
# machine can see it in the list of processes. Quota is in MB, limit is messages a day.
# Needs a POSIX shell and curl. Ends with 0 when the mailbox was made, 1 when the manager refused, 2 when the call makes
# no sense, 3 when the manager could not be reached.
set -eu

usage() {
    printf '%s\n' "usage: deploy-mailbox.sh --domain DOMAIN --username NAME [--password TEXT] [--quota MB] [--limit COUNT]" \
        "       with MXM_URL and MXM_TOKEN, and MXM_PASSWORD instead of --password" >&2
    exit 2
}

fail() {
    printf 'deploy-mailbox: %s\n' "$1" >&2
    exit "$2"
}

# Text between double quotes, in JSON and in curl's configuration alike.
quoted() {
    printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
}

domain='' username='' password="${MXM_PASSWORD:-}" quota=1024 limit=9600
while [ "$#" -gt 0 ]; do
    [ "$#" -ge 2 ] || usage
    case "$1" in
        --domain) domain=$2 ;;
        --username) username=$2 ;;
        --password) password=$2 ;;
        --quota) quota=$2 ;;
        --limit) limit=$2 ;;
        *) usage ;;
    esac
    shift 2
done

if [ -z "$domain" ] || [ -z "$username" ] || [ -z "$password" ]; then usage; fi
[ -n "${MXM_URL:-}" ] || fail 'MXM_URL is not set, for example https://manager.example.com' 2
[ -n "${MXM_TOKEN:-}" ] || fail 'MXM_TOKEN is not set' 2
case "$domain" in *[!A-Za-z0-9.-]*) fail "$domain is no domain name" 2 ;; esac
case "$quota,$limit" in ,* | *, | *[!0-9,]* | *,*,*) fail 'quota and limit are whole numbers' 2 ;; esac
case "$password$username$MXM_TOKEN" in *[[:cntrl:]]*) fail 'control characters are not taken' 2 ;; esac

body=$(printf '{"username":"%s","password":"%s","quota":%s,"limit":%s}' \
    "$(quoted "$username")" "$(quoted "$password")" "$quota" "$limit")

# Token and password go in by standard input: arguments are seen by everybody on the machine.
answer=$(printf 'header = "Authorization: Bearer %s"\ndata = "%s"\n' "$(quoted "$MXM_TOKEN")" "$(quoted "$body")" |
    curl -sS --max-time 60 --config - -X POST -H 'Content-Type: application/json' -w '\n%{http_code}' \
        "${MXM_URL%/}/api/domains/$domain/email-accounts") || fail "$MXM_URL could not be reached" 3

status=${answer##*
}
case "$status" in
    2??) printf 'made %s@%s\n' "$username" "$domain" ;;
    *) fail "the manager answered $status: ${answer%
*}" 1 ;;
esac
