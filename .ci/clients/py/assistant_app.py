"""An app with the listeners of Slack's assistant template. In place of a model it has a few words."""

import logging
import os

from slack_bolt import App, Assistant
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.models.messages.chunk import MarkdownTextChunk, TaskUpdateChunk

import work

logging.basicConfig(level=logging.INFO, format="[%(levelname)s] %(name)s: %(message)s")
app = App(client=WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=work.API))
assistant = Assistant()
LOADING = ["Looking around…", "Almost there, really…"]
FEEDBACK = {
    "type": "context_actions",
    "elements": [
        {
            "type": "feedback_buttons",
            "action_id": "feedback",
            "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "good"},
            "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "bad"},
        }
    ],
}


def think(streamer, question):
    streamer.append(chunks=[TaskUpdateChunk(id="1", title="Rolling dice", status="in_progress")])
    streamer.append(chunks=[TaskUpdateChunk(id="1", title="Rolled dice", status="complete", output="a six")])
    for word in ("you said " + question).split():
        streamer.append(markdown_text=word + " ")
    streamer.stop(chunks=[MarkdownTextChunk(text="really")], blocks=[FEEDBACK])


@assistant.thread_started
def started(say, get_thread_context, set_suggested_prompts):
    say("Hi, how can I help?")
    context = get_thread_context()
    if context is None or context.channel_id is None:
        set_suggested_prompts(title="Start here:", prompts=[{"title": "Dice", "message": "Roll two dice."}])


@assistant.user_message
def message(client, context, payload, get_thread_context, set_status, set_title):
    text = payload["text"]
    set_title(text)
    set_status(status="thinking...", loading_messages=LOADING)
    if "summary" in text:
        channel = get_thread_context().channel_id
        try:
            history = client.conversations_history(channel=channel, limit=50)
        except Exception as e:
            if e.response["error"] != "not_in_channel":
                raise
            client.conversations_join(channel=channel)
            history = client.conversations_history(channel=channel, limit=50)
        text = f"{len(history['messages'])} messages"
    think(
        client.chat_stream(
            channel=payload["channel"],
            thread_ts=payload["thread_ts"],
            recipient_team_id=context.team_id,
            recipient_user_id=context.user_id,
        ),
        text,
    )


app.assistant(assistant)


@app.event("app_mention")
def mention(client, event):
    thread_ts = event.get("thread_ts", event["ts"])
    client.assistant_threads_setStatus(
        channel_id=event["channel"], thread_ts=thread_ts, status="thinking...", loading_messages=LOADING
    )
    think(
        client.chat_stream(
            channel=event["channel"],
            thread_ts=thread_ts,
            recipient_team_id=event["team"],
            recipient_user_id=event["user"],
        ),
        event["text"],
    )


@app.action("feedback")
def feedback(ack, body, client):
    ack()
    client.chat_postEphemeral(
        channel=body["channel"]["id"],
        user=body["user"]["id"],
        thread_ts=body["message"]["ts"],
        text="noted: " + body["actions"][0]["value"],
    )


SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"]).start()
