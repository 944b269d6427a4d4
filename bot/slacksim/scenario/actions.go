package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"llmbot/bot/slacksim"
)

// action is what a step may do.
type action struct {
	args  []arg
	short string // the key that a plain value stands for
	do    func(context.Context, *run, args) error
}

// actions returns all actions by name.
func actions() map[string]action {
	who, msg, fails := needed("as", person), needed("message", ref), optional("error", text)
	return map[string]action{
		"say": {args: []arg{who, needed("in", place), optional("thread", ref), optional("text", text), optional("files", files), optional("id", newID)}, do: say},
		"edit": {args: []arg{who, msg, needed("text", text)}, do: func(_ context.Context, r *run, a args) error {
			m := r.ids[a.text("message")]
			return r.sim.Edit(a.text("as"), m.channel, m.ts, a.text("text"))
		}},
		"delete": {args: []arg{who, msg}, do: func(_ context.Context, r *run, a args) error {
			m := r.ids[a.text("message")]
			return r.sim.Delete(a.text("as"), m.channel, m.ts)
		}},
		"react": {args: []arg{who, msg, needed("emoji", text)}, do: func(_ context.Context, r *run, a args) error {
			m := r.ids[a.text("message")]
			return r.sim.React(a.text("as"), m.channel, m.ts, a.text("emoji"))
		}},
		"unreact": {args: []arg{who, msg, needed("emoji", text)}, do: func(_ context.Context, r *run, a args) error {
			m := r.ids[a.text("message")]
			return r.sim.Unreact(a.text("as"), m.channel, m.ts, a.text("emoji"))
		}},
		"invite": {args: []arg{needed("in", place)}, short: "in", do: func(_ context.Context, r *run, a args) error { return r.sim.Invite(a.text("in")) }},
		"command": {args: []arg{who, needed("in", place), needed("command", text), optional("text", text), fails}, do: func(ctx context.Context, r *run, a args) error {
			_, err := r.sim.Command(ctx, a.text("as"), a.text("in"), a.text("command"), a.text("text"))
			return expected(a, err)
		}},
		"press": {args: []arg{who, msg, needed("action", text), optional("value", text), fails}, do: func(ctx context.Context, r *run, a args) error {
			m := r.ids[a.text("message")]
			return expected(a, r.sim.ClickValue(ctx, a.text("as"), m.channel, m.ts, a.text("action"), a.text("value")))
		}},
		"submit": {args: []arg{who, optional("values", entries), fails}, do: func(ctx context.Context, r *run, a args) error {
			return expected(a, r.sim.SubmitView(ctx, a.text("as"), a.m["values"].pairs))
		}},
		"press_view": {args: []arg{who, needed("action", text), optional("value", text), fails}, do: func(ctx context.Context, r *run, a args) error {
			return expected(a, r.sim.ClickView(ctx, a.text("as"), a.text("action"), a.text("value")))
		}},
		"close_view": {args: []arg{who, fails}, short: "as", do: func(ctx context.Context, r *run, a args) error {
			return expected(a, r.sim.CloseView(ctx, a.text("as")))
		}},
		"open_home": {args: []arg{who}, short: "as", do: func(_ context.Context, r *run, a args) error { return r.sim.OpenHome(a.text("as")) }},
		"press_home": {args: []arg{who, needed("action", text), optional("value", text), fails}, do: func(ctx context.Context, r *run, a args) error {
			return expected(a, r.sim.ClickHome(ctx, a.text("as"), a.text("action"), a.text("value")))
		}},
		"open_assistant": {args: []arg{who, optional("beside", place), optional("id", newID)}, do: openAssistant},
		"look_at": {args: []arg{who, needed("thread", ref), needed("in", place)}, do: func(_ context.Context, r *run, a args) error {
			return r.sim.LookAt(a.text("as"), r.ids[a.text("thread")].root, a.text("in"))
		}},
		"stop": {args: []arg{who, needed("thread", ref), fails}, do: func(_ context.Context, r *run, a args) error {
			t := r.ids[a.text("thread")]
			return expected(a, r.sim.StopSession(a.text("as"), t.channel, t.root))
		}},
		"fail": {args: []arg{
			needed("method", text), optional("in", place), optional("skip", number), optional("times", number), optional("error", text), optional("status", number),
			optional("retry_after", number), optional("hang", truth), optional("delay", duration), optional("carry", truth),
		}, do: fail},
		"disturb": {args: []arg{
			optional("event", text), optional("skip", number), optional("times", number), optional("drop", truth), optional("duplicate", number),
			optional("delay", duration), optional("lose_ack", truth),
		}, do: func(_ context.Context, r *run, a args) error {
			r.sim.FailEvent(slacksim.EventFault{
				Type: a.text("event"), Skip: a.n("skip"), Times: a.n("times"), Drop: a.ok("drop"), Duplicate: a.n("duplicate"), Delay: a.d("delay"), LoseAck: a.ok("lose_ack"),
			})
			return nil
		}},
		"heal":   {do: func(_ context.Context, r *run, _ args) error { r.sim.Heal(); return nil }},
		"socket": {args: []arg{needed("do", text), optional("times", number), optional("reason", text)}, short: "do", do: socket},
		"wait": {args: []arg{needed("for", duration)}, short: "for", do: func(ctx context.Context, r *run, a args) error {
			t := time.NewTimer(a.d("for"))
			defer t.Stop()
			select {
			case <-t.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
	}
}

// expected compares an error with the one that the scenario wants.
func expected(a args, err error) error {
	want := a.text("error")
	switch {
	case want == "":
		return err
	case err == nil:
		return fmt.Errorf("it worked, and should have failed with %q", want)
	case !strings.Contains(err.Error(), want):
		return fmt.Errorf("it should have failed with %q: %w", want, err)
	}
	return nil
}

func say(_ context.Context, r *run, a args) error {
	post := slacksim.Post{User: a.text("as"), Channel: a.text("in"), Text: a.text("text"), Files: a.m["files"].files}
	if a.has("thread") {
		t := r.ids[a.text("thread")]
		if t.channel != r.sim.ChannelID(post.Channel) {
			return errors.New("the thread is in another channel")
		}
		post.ThreadTS = t.root
	}
	ts, err := r.sim.TryPost(post)
	if err == nil && a.has("id") {
		r.ids[a.text("id")] = thing{channel: r.sim.ChannelID(post.Channel), ts: ts, root: firstOf(post.ThreadTS, ts)}
	}
	return err
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func openAssistant(_ context.Context, r *run, a args) error {
	ts, err := r.sim.OpenAssistant(a.text("as"), a.text("beside"))
	if err == nil && a.has("id") {
		r.ids[a.text("id")] = thing{channel: r.sim.ChannelID("@" + a.text("as")), ts: ts, root: ts}
	}
	return err
}

func fail(_ context.Context, r *run, a args) error {
	f := slacksim.Fault{
		Method: a.text("method"), Skip: a.n("skip"), Times: a.n("times"), Error: a.text("error"), Status: a.n("status"), RetryAfter: a.n("retry_after"),
		Hang: a.ok("hang"), Delay: a.d("delay"), Carry: a.ok("carry"),
	}
	if a.has("in") {
		f.Channel = r.sim.ChannelID(a.text("in"))
	}
	r.sim.Fail(f)
	return nil
}

// socket does something to the app's open sockets.
func socket(_ context.Context, r *run, a args) error {
	times := a.n("times")
	if times == 0 {
		times = 1
	}
	switch do := a.text("do"); do {
	case "warning", "refresh_requested", "link_disabled", "too_many_websockets":
		r.sim.Disconnect(do)
	case "cut":
		r.sim.Cut()
	case "half_open":
		r.sim.HalfOpen(always)
	case "refuse":
		r.sim.RefuseSockets(times, firstOf(a.text("reason"), "too_many_websockets"))
	default:
		return fmt.Errorf("there is no %q: it may be warning, refresh_requested, link_disabled, too_many_websockets, cut, half_open or refuse", do)
	}
	return nil
}
