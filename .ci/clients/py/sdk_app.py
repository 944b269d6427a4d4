"""An app on slack_sdk alone: its Socket Mode client and its web client."""

import logging
import os
from threading import Event

from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.webhook import WebhookClient

import work

logging.basicConfig(level=logging.INFO, format="[%(levelname)s] %(name)s: %(message)s")
client = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=work.API)
client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
socket = SocketModeClient(os.environ["SLACK_APP_TOKEN"], web_client=WebClient(base_url=work.API))
channels = {}


def respond(url, **body):
    response = WebhookClient(url).send(**body)
    assert response.status_code == 200, response.body


def handle(socket, request):
    def ack(payload=None):
        socket.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))

    body = request.payload
    if request.type == "events_api":
        ack()
        event = body["event"]
        if event["type"] == "app_mention":
            work.mention(client, event, body["team_id"])
        elif event["type"] == "message":
            work.message(client, event)
        elif event["type"] == "app_home_opened":
            work.home(client, event)
    elif request.type == "slash_commands" and body["command"] == "/form":
        ack()
        channels["form"] = body["channel_id"]
        client.views_open(trigger_id=body["trigger_id"], view=work.FORM)
    elif request.type == "slash_commands":
        ack({"response_type": "ephemeral", "text": "ack: " + body["text"]})
        respond(body["response_url"], response_type="in_channel", text="later: " + body["text"])
    elif body["type"] == "view_submission":
        errors = work.submitted(client, body["view"], channels["form"])
        ack({"response_action": "errors", "errors": errors} if errors else None)
    else:
        ack()
        respond(body["response_url"], replace_original=True, text="pressed by " + body["user"]["id"])


socket.socket_mode_request_listeners.append(handle)
socket.connect()
Event().wait()
