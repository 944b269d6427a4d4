"""An app on slack_bolt. Nothing in it knows that Slack is emulated."""

import logging
import os

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

import work

logging.basicConfig(level=logging.INFO, format="[%(levelname)s] %(name)s: %(message)s")
client = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=work.API)
client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
app = App(client=client)
channels = {}


@app.event("app_mention")
def mention(event, client, context):
    work.mention(client, event, context.team_id)


@app.event("message")
def message(event, client):
    work.message(client, event)


@app.event("app_home_opened")
def home(event, client):
    work.home(client, event)


@app.command("/echo")
def echo(command, ack, respond):
    ack(response_type="ephemeral", text="ack: " + command["text"])
    respond(response_type="in_channel", text="later: " + command["text"])


@app.command("/form")
def form(command, ack, client):
    ack()
    channels["form"] = command["channel_id"]
    client.views_open(trigger_id=command["trigger_id"], view=work.FORM)


@app.view("form")
def submitted(ack, view, client):
    errors = work.submitted(client, view, channels["form"])
    if errors:
        ack(response_action="errors", errors=errors)
    else:
        ack()


@app.action("go")
def go(ack, respond, body):
    ack()
    respond(replace_original=True, text="pressed by " + body["user"]["id"])


SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"]).start()
