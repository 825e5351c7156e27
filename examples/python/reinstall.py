#!/usr/bin/env python3
"""Has one server reinstalled, and waits for how that ends.

    AMQP_URL=amqp://… python3 reinstall.py SERVER_ID KEYNAME USERID [COMMAND_ID]

Needs pika (Debian: python3-pika). Prints each event's name; exits 0 when the server was reinstalled.
"""

import json
import os
import sys
import time
import uuid

import pika

FINAL = {
    "succeeded", "failed", "unresolved", "rejected", "quarantined",
    "superseded", "expired", "cancelled", "planned",
}


def main() -> int:
    server, keyname, userid = sys.argv[1:4]
    # Give your own id where you may try again: the id is what makes two sends one reinstall.
    command_id = sys.argv[4] if len(sys.argv) > 4 else str(uuid.uuid4())
    parameters = pika.URLParameters(os.environ["AMQP_URL"])
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    # Without confirms nobody knows whether the broker has the command.
    channel.confirm_delivery()

    # Before the command is sent, so that no event is missed.
    queue = f"ecs-client.{uuid.uuid4()}"
    channel.queue_declare(queue, exclusive=True)
    channel.queue_bind(queue, "ecs.reinstall.events", f"*.{server}.*")

    command = {
        "command_id": command_id,
        "server_id": server,
        "os-reinstall": {"keyname": keyname, "userid": userid},
        "source": "python-example",
    }
    if "OBSERVED_AT" in os.environ:
        # When the fault was seen: a server that was reinstalled since is left alone.
        command["observed_at"] = os.environ["OBSERVED_AT"]
    # Raises UnroutableError when no worker has ever started here, NackError when the queue is full.
    channel.basic_publish(
        "ecs.reinstall.commands",
        "reinstall",
        json.dumps(command).encode(),
        pika.BasicProperties(
            message_id=command_id,
            correlation_id=command_id,
            reply_to=queue,
            content_type="application/json",
            delivery_mode=2,
            # Who sends it: the broker refuses any name but ours.
            user_id=parameters.credentials.username,
            timestamp=int(time.time()),
        ),
        mandatory=True,
    )
    print("sent", command_id, flush=True)

    seen = set()
    for _method, _properties, body in channel.consume(queue, auto_ack=True):
        event = json.loads(body)
        data = event["data"]
        # An answer to a misuse of the id has an id of its own, and names ours beside it.
        about = data.get("reused_command_id", data["command_id"])
        if about != command_id or event["id"] in seen:
            continue
        seen.add(event["id"])
        print(data["event"], flush=True)
        outcome = data["event"]
        if outcome == "duplicate":
            # None: the command is still running, and its final event will come.
            outcome = data["original"]["outcome"]
        if outcome in FINAL:
            print(json.dumps(data), flush=True)
            return 0 if outcome == "succeeded" else 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
