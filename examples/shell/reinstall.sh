#!/bin/sh
# Has one server reinstalled, and waits for how that ends:
#   AMQP_URL=amqp://… STATUS_URL=http://worker:8080 ./reinstall.sh SERVER_ID KEYNAME USERID COMMAND_ID
# Needs amqp-publish (Debian: amqp-tools), curl and jq. Exits 0 when the server was reinstalled. amqp-publish knows no
# confirms and no mandatory flag: so a command that no worker knows after a while is sent again, under its id.
set -eu
server=$1 keyname=$2 userid=$3 id=$4
# OBSERVED_AT, when the fault was seen: a server that was reinstalled since is left alone.
command=$(jq -nc --arg id "$id" --arg server "$server" --arg keyname "$keyname" --arg userid "$userid" \
  --arg observed "${OBSERVED_AT:-}" '{command_id: $id, server_id: $server,
  "os-reinstall": {keyname: $keyname, userid: $userid}, source: "shell-example"}
  + (if $observed == "" then {} else {observed_at: $observed} end)')

send() {
  amqp-publish --url="$AMQP_URL" --exchange=ecs.reinstall.commands --routing-key=reinstall \
    --content-type=application/json --persistent --body="$command"
}

send
echo "sent $id"
polls=0
while :; do
  sleep 1
  polls=$((polls + 1))
  status=$(curl -s -w '%{http_code}' -o "${TMPDIR:-/tmp}/reinstall-$$" "$STATUS_URL/v1/commands/$id" || true)
  answer=$(cat "${TMPDIR:-/tmp}/reinstall-$$" 2>/dev/null || true)
  rm -f "${TMPDIR:-/tmp}/reinstall-$$"
  case $status in
    200)
      outcome=$(printf %s "$answer" | jq -r '.outcome // empty')
      [ -z "$outcome" ] || break
      ;;
    404)
      # A minute and no worker knows it: the message was lost on its way. The id makes both one.
      if [ $((polls % 60)) -eq 0 ]; then send; fi
      ;;
  esac
done
echo "$outcome"
printf '%s\n' "$answer" | jq -c .final_event
[ "$outcome" = succeeded ]
