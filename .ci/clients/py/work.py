"""What the apps on Slack's Python SDKs do, whoever brings them their events."""

import os
import urllib.request

API = os.environ["SLACK_API_URL"]
FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "A form"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "name"},
        }
    ],
}


def mention(client, event, team_id):
    """Answers one mention."""
    channel, user, text = event["channel"], event["user"], event["text"]
    thread_ts = event.get("thread_ts", event["ts"])

    def stream():
        return client.chat_stream(
            channel=channel, thread_ts=thread_ts, recipient_user_id=user, recipient_team_id=event.get("team", team_id)
        )

    if "hello" in text:
        posted = client.chat_postMessage(channel=channel, thread_ts=thread_ts, text="hello")
        client.chat_update(channel=channel, ts=posted["ts"], text=f"hello <@{user}>")
        thread = client.conversations_replies(channel=channel, ts=thread_ts)
        assert len(thread["messages"]) >= 2, thread
    elif "markdown" in text:
        blocks = [{"type": "markdown", "text": "# A title\n\n**bold** and `code`"}]
        client.chat_postMessage(channel=channel, thread_ts=thread_ts, text="a title", blocks=blocks)
    elif "stream" in text:
        s = stream()
        for word in ("one two three " * 40).split():
            s.append(markdown_text=word + " ")
        s.stop()
    elif "chunks" in text:  # nothing is left over for the end
        s = stream()
        s.append(chunks=[{"type": "markdown_text", "text": "all of it"}])
        s.stop(blocks=[{"type": "context", "elements": [{"type": "mrkdwn", "text": "the end"}]}])
    elif "button" in text:
        go = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
        client.chat_postMessage(
            channel=channel, thread_ts=thread_ts, text="press", blocks=[{"type": "actions", "elements": [go]}]
        )
    elif "file" in text:
        client.files_upload_v2(
            channel=channel, thread_ts=thread_ts, filename="notes.txt", content="from the app", initial_comment="here"
        )
    elif "secret" in text:
        client.chat_postEphemeral(channel=channel, user=user, text="only for you")
    elif "react" in text:
        client.reactions_add(channel=channel, timestamp=event["ts"], name="eyes")


def message(client, event):
    """Reads the files of a message."""
    for file in event.get("files", []):
        if event.get("bot_id"):
            return
        request = urllib.request.Request(
            file["url_private"], headers={"Authorization": "Bearer " + os.environ["SLACK_BOT_TOKEN"]}
        )
        with urllib.request.urlopen(request) as got:
            text = got.read().decode()
        client.chat_postMessage(
            channel=event["channel"], thread_ts=event.get("thread_ts", event["ts"]), text=f"{file['name']}: {text}"
        )


def submitted(client, view, channel):
    """Returns what is wrong with a form, and shows it if nothing is."""
    name = view["state"]["values"]["name"]["name"]["value"]
    if name == "bad":
        return {"name": "not this one"}
    client.chat_postMessage(channel=channel, text=f"the form says {name}")
    return None


def home(client, event):
    """Shows the Home tab."""
    if event["tab"] == "home":
        section = {"type": "section", "text": {"type": "mrkdwn", "text": "welcome home"}}
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section]})
