#!/bin/sh
# The same as ci-job.ts with curl alone: take a VM, run a batch file in it, give it back whatever happens.
#
#   sh examples/rest.sh 'ver'
#
# VAPIORC_URL says where the server is. With jq at hand, `jq -r .instance_id` reads better than sed.
set -eu
SERVER=${VAPIORC_URL:-http://127.0.0.1:8000}
# As it stands in JSON: a backslash before each backslash and quote, and \n for the end of a line.
COMMAND=$(printf '%s' "${1:-ver}" | sed 's/[\\"]/\\&/g' | awk '{ printf "%s%s", end, $0; end = "\\n" }')

# It waits for a VM up to 25 s; then, and when there is no golden image, curl ends with 22 and the answer says why.
VM=$(curl -sS --fail-with-body -X POST "$SERVER/api/vms/assign?assigned_to=rest.sh&vm_type=11&lease_seconds=3600") || {
  echo "$VM" >&2
  exit 1
}
ID=$(echo "$VM" | sed 's/.*"instance_id":"\([^"]*\)".*/\1/')
echo "got the VM $ID" >&2
release() {
  curl -sS --fail-with-body -o /dev/null -X POST "$SERVER/api/vms/instances/$ID/release" && echo "released it" >&2
}
trap release EXIT

# The answer is JSON: status, exit_code, stdout, stderr and more.
curl -sS --fail-with-body -H 'content-type: application/json' -d @- "$SERVER/api/vms/instances/$ID/commands" <<JSON
{"command": "$COMMAND", "wait_seconds": 60}
JSON
echo
