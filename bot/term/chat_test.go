package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/llm"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// desk is a person at a terminal, and a model server.
type desk struct {
	t     *testing.T
	vt    *vt
	model *llmsim.Server
	keys  *io.PipeWriter
	stop  context.CancelFunc
	ended chan error
}

// atDesk runs a conversation in a bubble; the person leaves at the end if they have not yet.
func atDesk(t *testing.T, cfg llmsim.Config, settings Settings, do func(*desk)) {
	t.Helper()
	atDeskWith(t, cfg, settings, func(c *Chat) func(context.Context) error { return c.Run }, do)
}

// atDeskWith is atDesk with a conversation that has more; begin returns what holds it.
func atDeskWith(t *testing.T, cfg llmsim.Config, settings Settings, begin func(*Chat) func(context.Context) error, do func(*desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, vt: newVT(t, 80, 24), model: llmsim.New(cfg), ended: make(chan error, 1)}
		net := memnet.Serve(d.model)
		client := modelAt(t, net)
		in, keys := io.Pipe()
		d.keys = keys
		ctx, stop := context.WithCancel(t.Context())
		d.stop = stop
		history, err := OpenHistory("")
		if err != nil {
			t.Fatal(err)
		}
		room := &Room{Out: d.vt, Size: d.vt.size, Look: Look{}}
		editor := NewEditor(in, d.vt, d.vt.size, history, "> ")
		chat := Chat{Model: client, Server: client, Place: room, Lines: editor, Say: room.Say, Settings: settings, Address: "memory"}
		run := begin(&chat)
		go func() { d.ended <- run(ctx) }()
		synctest.Wait()
		do(d)
		stop()
		_ = keys.Close() // ends a read that waits for a key
		synctest.Wait()
		select {
		case <-d.ended:
		default:
		}
		editor.Close()
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
}

func modelAt(t *testing.T, net *memnet.Net) *llm.Client {
	t.Helper()
	h := net.Client()
	c, err := llm.New(llm.Config{BaseURL: "http://memory/v1", HTTP: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.CloseIdleConnections)
	return c
}

// typed sends keys, as from a terminal.
func (d *desk) typed(keys string) {
	d.t.Helper()
	if _, err := io.WriteString(d.keys, keys); err != nil {
		d.t.Error(err)
	}
	synctest.Wait()
}

func (d *desk) after(wait time.Duration) string {
	time.Sleep(wait)
	synctest.Wait()
	return d.vt.text()
}

func (d *desk) has(wait time.Duration, parts ...string) {
	d.t.Helper()
	got := d.after(wait)
	for _, p := range parts {
		if !strings.Contains(got, p) {
			d.t.Errorf("no %q in\n%s", p, got)
		}
	}
}

func (d *desk) hasNot(parts ...string) {
	d.t.Helper()
	got := d.vt.text()
	for _, p := range parts {
		if strings.Contains(got, p) {
			d.t.Errorf("there is %q in\n%s", p, got)
		}
	}
}

func (d *desk) left() error {
	d.t.Helper()
	synctest.Wait()
	select {
	case err := <-d.ended:
		return err
	default:
		d.t.Errorf("the conversation goes on:\n%s", d.vt.text())
		return nil
	}
}

func TestChatAnswers(t *testing.T) {
	cfg := llmsim.Config{Speed: 20, FirstToken: 1200 * time.Millisecond}
	atDesk(t, cfg, Settings{System: "Be kind."}, func(d *desk) {
		d.has(0, "llmsim at memory, 32768 tokens", ">")
		d.model.NextTape(llmsim.Tape{llmsim.Text("Yes, **all** of it.")})
		d.typed("Is it?\r")
		d.has(1100*time.Millisecond, "waiting 1s")
		d.has(5*time.Second, "Yes, all of it.", " tokens in ", " tok/s · first token 1.20s", "\n>")
		d.hasNot("waiting", "**", "llmsim ·", "· llmsim")
		d.typed("And then?\r")
		d.after(10 * time.Second)
		msgs := d.model.Last().Chat.Messages
		if len(msgs) != 4 || msgs[0].Content != "Be kind." || msgs[2].Content != "Yes, **all** of it." || msgs[3].Content != "And then?" {
			t.Errorf("asked %+v", msgs)
		}
		d.typed("clear\r")
		d.typed("New?\r")
		d.after(20 * time.Second)
		if msgs := d.model.Last().Chat.Messages; len(msgs) != 2 {
			t.Errorf("asked %+v", msgs)
		}
		d.typed("/status\r")
		d.has(time.Second, "Model server: up", "Conversation: 2 messages")
		d.typed("/help\r")
		d.has(0, "forget the conversation")
		d.typed("/nonsense\r")
		d.has(0, "There is no command /nonsense")
		d.typed("quit\r")
		if err := d.left(); err != nil {
			t.Error(err)
		}
	})
}

func TestCtrlCStopsTheAnswer(t *testing.T) {
	atDesk(t, llmsim.Config{Speed: 10}, Settings{}, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Text(strings.Repeat("word ", 200))})
		d.typed("Go on\r")
		d.after(3 * time.Second)
		d.typed("next \x03typed ahead")
		d.has(500*time.Millisecond, "word word", "stopped · ", " tok/s", "> next typed ahead")
		if d.model.Running() != 0 || d.model.Cancelled() != 1 {
			t.Errorf("%d running, %d cancelled on the server", d.model.Running(), d.model.Cancelled())
		}
		d.typed("\x03") // clears the line
		if got := d.vt.text(); !strings.HasSuffix(got, "\n>") {
			t.Errorf("the line is not clear:\n%s", got)
		}
		d.hasNot("leaves")
		d.typed("\x03") // there is nothing to clear
		d.has(time.Second, "quit or Ctrl-D leaves; /help shows the commands.\n")
		d.model.NextTape(llmsim.Tape{llmsim.Text("Enough.")})
		d.typed("More\r")
		d.has(10*time.Second, "Enough.")
		if msgs := d.model.Last().Chat.Messages; len(msgs) != 3 || !strings.HasPrefix(msgs[1].Content, "word word") {
			t.Errorf("what was written is not remembered: %+v", msgs)
		}
		d.typed("\x04")
		if err := d.left(); err != nil {
			t.Error(err)
		}
	})
}

// TestLoopIsStoppedInChat: it is stopped, cut to one period, said and remembered, and goes on if the person wants more.
func TestLoopIsStoppedInChat(t *testing.T) {
	atDesk(t, llmsim.Config{Speed: 1000, Reasoning: true}, Settings{}, func(d *desk) {
		d.typed("/continue\r")
		d.has(0, "There is no answer yet")
		again := strings.Repeat("Then restart it and look again.\n", 200)
		d.model.NextTape(llmsim.Given()["loop behind text"], llmsim.Tape{llmsim.Text(again), llmsim.Text("At last it works.")})
		d.typed("What now?\r")
		d.has(10*time.Second, "First, look at the log.", "Then restart it", "it went on repeating itself", "/continue", "\n>")
		if n := d.model.Last().Tokens; n > 1000 || d.model.Running() != 0 {
			t.Errorf("%d tokens, %d running", n, d.model.Running())
		}
		d.typed("/continue\r")
		d.has(20*time.Second, "At last it works.")
		msgs := d.model.Last().Chat.Messages
		if len(msgs) != 3 || strings.Count(fmt.Sprint(msgs[1].Content), "Then restart it") != 1 {
			t.Errorf("asked %+v", msgs)
		}
		d.model.NextTape(llmsim.Given()["loop of thoughts"], llmsim.Tape{llmsim.Text(strings.Repeat("\n", 5000))})
		d.typed("clear\r")
		d.typed("Think\r")
		d.has(20*time.Second, "it went on repeating its thoughts")
		d.typed("Blank\r")
		d.has(20*time.Second, "it wrote nothing but white space")
		d.model.NextTape(llmsim.Tape{llmsim.Text("Half"), llmsim.Finish("length")})
		d.typed("Long\r")
		d.has(5*time.Second, "length limit. /continue")
	})
}

func TestReasoningIsNeverAnswer(t *testing.T) {
	atDesk(t, llmsim.Config{Speed: 10, Reasoning: true}, Settings{}, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Reason(strings.Repeat("secret ", 40)), llmsim.Text("Four.")})
		d.typed("2+2?\r")
		d.has(2500*time.Millisecond, "thinking 2s")
		d.has(10*time.Second, "Four.")
		if d.vt.saw("secret") {
			t.Error("reasoning was shown")
		}
	})
}

func TestReasoningOnDemand(t *testing.T) {
	atDesk(t, llmsim.Config{Speed: 10, Reasoning: true}, Settings{ShowReasoning: true}, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Reason("open thoughts"), llmsim.Text("Four.")})
		d.typed("2+2?\r")
		d.has(10*time.Second, "open thoughts\n\nFour.")
	})
}

func TestRetractTakesBack(t *testing.T) {
	atDesk(t, llmsim.Config{Speed: 20}, Settings{}, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Text("I should add two and two, one by one, with care.\n</think>\n\nFour.")})
		d.typed("2+2?\r")
		d.has(10*time.Second, "Four.")
		d.hasNot("should", "think")
	})
}

func TestStatusAsksTheServerItself(t *testing.T) {
	atDesk(t, llmsim.Config{}, Settings{}, func(d *desk) { // the greeting has learned the model already
		d.model.SetMode(llmsim.Refusing)
		d.typed("/status\r")
		d.has(3*time.Second, "Model server: down.")
		d.hasNot("Model server: up")
	})
	atDesk(t, llmsim.Config{Dialect: llmsim.LlamaCPP}, Settings{}, func(d *desk) { // it has no version to tell, but it is there
		d.typed("/status\r")
		d.has(3*time.Second, "Model server: up")
		d.hasNot("Version", "KV cache")
	})
}

func TestServerThatIsAwayIsWaitedFor(t *testing.T) {
	atDesk(t, llmsim.Config{}, Settings{}, func(d *desk) {
		d.model.SetMode(llmsim.Refusing)
		d.typed("Hello?\r")
		d.has(5*time.Second, "not reachable", "→ ", "waiting")
		time.Sleep(5 * time.Minute)
		d.model.SetMode(llmsim.Up)
		d.has(20*time.Second, " tok/s")
		d.hasNot("not reachable", "waiting")
		d.model.SetMode(llmsim.Refusing)
		d.typed("Again?\r")
		d.after(5 * time.Second)
		d.typed("\x03")
		d.has(time.Second, "stopped")
	})
}

func TestFailureIsSaidAndTheQuestionForgotten(t *testing.T) {
	atDesk(t, llmsim.Config{}, Settings{}, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Text("Half an"), llmsim.Cut()}, llmsim.Tape{llmsim.Text("Half"), llmsim.Cut()})
		d.typed("One\r")
		d.has(time.Minute, "Half an", "incomplete", "interrupted", "→ ")
		d.typed("Two\r")
		d.after(time.Minute)
		if msgs := d.model.Last().Chat.Messages; len(msgs) != 1 {
			t.Errorf("asked %+v", msgs)
		}
	})
}

func TestNoEscapeSequenceOfTheModelArrives(t *testing.T) {
	atDesk(t, llmsim.Config{}, Settings{}, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Text("a\x1b[2Jb \x1b]0;t\x07 &#27;[31mc \u009b5md `\x1b[1m`")})
		d.typed("Try\r")
		d.has(5*time.Second, "a[2Jb ]0;t [31mc 5md [1m") // vt fails at any other sequence
	})
}

func TestLongConversationLosesItsBeginning(t *testing.T) {
	atDesk(t, llmsim.Config{MaxModelLen: 400, Speed: 1000}, Settings{System: "Be brief."}, func(d *desk) {
		said := false
		for range 12 {
			d.typed("write 60 tokens about one more river, please\r")
			said = said || strings.Contains(d.after(5*time.Second), "Older messages were left out")
		}
		if !said {
			t.Error("nobody said that older messages were left out")
		}
		for _, r := range d.model.Requests() {
			if r.Status != 200 {
				t.Errorf("a refused request: %d, %d tokens", r.Status, r.Prompt)
			}
		}
	})
}

func TestRefusalWithALowerBoundIsNotTakenForTheCount(t *testing.T) {
	const bytesPerToken, window = 4, 512
	sent := []llm.Message{{Role: llm.RoleUser, Content: strings.Repeat("word ", 1200)}} // 1500 tokens of which vLLM counts 513
	for _, estimated := range []int{1500, 400} {
		var a asker
		limit := a.refused(&llm.Error{Kind: llm.KindContext, Limit: window, Prompt: window + 1, AtLeast: true}, sent, estimated)
		ratio := a.talk.ratio
		if ratio == 0 {
			ratio = float64(len(sent[0].Content)) / float64(estimated)
		}
		if fits := float64(limit) * ratio; estimated > window && fits > window*bytesPerToken {
			t.Errorf("estimated %d: a prompt of %.0f bytes would be sent, %d fit", estimated, fits, window*bytesPerToken)
		}
		if all := float64(limit) * ratio; all > float64(len(sent[0].Content))/2 {
			t.Errorf("estimated %d: a prompt of %.0f of %d bytes would be sent, although no one knows by how much it was too long", estimated, all, len(sent[0].Content))
		}
	}
}

func TestSignalEndsTheConversation(t *testing.T) {
	atDesk(t, llmsim.Config{Speed: 5}, Settings{}, func(d *desk) {
		d.typed("Hello?\r")
		d.after(2 * time.Second)
		d.stop()
		if err := d.left(); !errors.Is(err, context.Canceled) {
			t.Errorf("left with %v", err)
		}
		if d.after(time.Second); d.model.Running() != 0 {
			t.Error("the request goes on")
		}
	})
}

func TestPastedLinesAreOneQuestion(t *testing.T) {
	atDesk(t, llmsim.Config{}, Settings{}, func(d *desk) {
		d.typed("Read: \x1b[200~one\ntwo\r\n\tthree\x1b[201~\x1b\rfour\r")
		d.after(5 * time.Second)
		if msgs := d.model.Last().Chat.Messages; msgs[0].Content != "Read: one\ntwo\n\tthree\nfour" {
			t.Errorf("asked %q", msgs[0].Content)
		}
		d.typed("\x1b[A")
		d.has(0, "> Read: one\n  two\n      three\n  four")
	})
}

func TestServerThatDiesInAnAnswer(t *testing.T) {
	atDesk(t, llmsim.Config{Speed: 10}, Settings{}, func(d *desk) {
		d.model.NextTape(llmsim.Tape{llmsim.Text(strings.Repeat("word ", 100))})
		d.typed("Go on\r")
		d.after(3 * time.Second)
		d.model.SetMode(llmsim.Refusing)
		d.model.Interrupt(llmsim.Tape{llmsim.Cut()})
		d.has(4*time.Second, "word word", "not reachable", "waiting")
		d.model.NextTape(llmsim.Tape{llmsim.Text("Better now.")})
		d.model.SetMode(llmsim.Up)
		d.has(20*time.Second, "Better now.", " tok/s")
		d.hasNot("word", "not reachable")
	})
}
