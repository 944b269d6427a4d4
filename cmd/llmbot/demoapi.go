package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"llmbot/cmd/llmbot/keeper"
	"llmbot/cmd/llmbot/relay"
)

// mostDemoBody is how many bytes the page may send to the demo: a knob's name.
const mostDemoBody = 4 << 10

// demoState is what GET /page/demo/state returns.
type demoState struct {
	ID  string    `json:"id"` // of this demo; the same after a restart in the same folder
	Now time.Time `json:"now"`
	Bot struct {
		State    keeper.Phase `json:"state"` // starting, running, ended
		PID      int          `json:"pid"`   // 0: none runs
		Since    time.Time    `json:"since"` // of its start, or its end
		Starts   int          `json:"starts"`
		LastExit string       `json:"last_exit"` // empty: none has ended yet
		Log      []string     `json:"log"`       // the last lines of one that ended by itself, until one is ready again
	} `json:"bot"`
	Model struct {
		Name      string          `json:"name"` // empty: not known
		Simulated bool            `json:"simulated"`
		Knob      relay.Knob      `json:"knob"`    // ok, slow, dead
		Running   int             `json:"running"` // answers in progress, those in the server's queue too
		Waiting   *float64        `json:"waiting"` // in the server's queue; null: not known
		OutputTPS float64         `json:"output_tps"`
		Answers   []answerFigures `json:"answers"` // newest first
	} `json:"model"`
	Dir string `json:"dir"` // empty: temporary, or nobody's business
	Try []try  `json:"try"`
}

// answerFigures has the figures of one answer, in seconds and tokens a second.
type answerFigures struct {
	ID      int     `json:"id"`
	Tokens  int     `json:"tokens"`
	Seconds float64 `json:"seconds"`
	TPS     float64 `json:"tps"`
	TTFT    float64 `json:"ttft"` // 0: nothing came yet
	Done    bool    `json:"done"` // the answer is whole
	Cut     bool    `json:"cut"`  // it ended without a finish reason or [DONE]
}

// handler serves what the page shows of the demo, and does to it:
//
//	GET  /page/demo/state    demoState
//	POST /page/demo/kill     kill -9 of the bot; it is started again after 2 s
//	POST /page/demo/restart  SIGTERM, then a start
//	POST /page/demo/model    {"knob": "ok|slow|dead"}: how the model server seems to be
//
// What cannot be done is told with {"error": …}, in words for the visitor.
func (d *demo) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page/demo/state", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, d.state()) })
	mux.HandleFunc("POST /page/demo/kill", func(w http.ResponseWriter, _ *http.Request) {
		if err := d.bot.Kill(); err != nil {
			refuseJSON(w, http.StatusConflict, "The bot cannot be killed: "+err.Error()+".")
			return
		}
		answerJSON(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("POST /page/demo/restart", func(w http.ResponseWriter, _ *http.Request) {
		d.bot.Restart()
		answerJSON(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("POST /page/demo/model", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Knob relay.Knob }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostDemoBody)).Decode(&q); err != nil {
			refuseJSON(w, http.StatusBadRequest, `Send JSON such as {"knob": "slow"}.`)
			return
		}
		if !d.relay.SetKnob(q.Knob) {
			refuseJSON(w, http.StatusUnprocessableEntity, fmt.Sprintf("There is no knob %.20q: it is one of ok, slow, dead.", q.Knob))
			return
		}
		answerJSON(w, http.StatusOK, struct{}{})
	})
	return mux
}

// state returns what the page shows.
func (d *demo) state() demoState {
	id := sha256.Sum256([]byte(d.folder.path))
	out := demoState{ID: hex.EncodeToString(id[:6]), Now: time.Now()}
	b, m := d.bot.State(), d.relay.State()
	out.Bot.State, out.Bot.PID, out.Bot.Since, out.Bot.Starts, out.Bot.LastExit, out.Bot.Log = b.Phase, b.PID, b.Since, b.Starts, b.LastExit, b.Lines
	switch {
	case len(b.Lines) == 0:
		out.Bot.Log = []string{}
	case d.visited(): // who comes from elsewhere has no business with the log
		out.Bot.Log = []string{"The terminal in which the demo runs shows why."}
	}
	out.Model.Name, out.Model.Simulated, out.Model.Knob = d.model.name, d.model.simulated, m.Knob
	out.Model.Running, out.Model.Waiting, out.Model.OutputTPS = m.Running, m.Waiting, rounded(m.Rate)
	out.Model.Answers = []answerFigures{}
	for _, a := range m.Answers {
		out.Model.Answers = append(out.Model.Answers, answerFigures{a.ID, a.Tokens, rounded(a.Seconds), rounded(a.Rate), rounded(a.TTFT), a.Done, a.Cut})
	}
	if d.folder.kept && !d.visited() {
		out.Dir = d.folder.path
	}
	out.Try = d.tries()
	return out
}

// visited reports whether the page is for people who are not at this machine, be it over the
// network or through a proxy.
func (d *demo) visited() bool {
	return d.flags.open || d.flags.url != "" || len(d.flags.hosts) > 0
}

// rounded returns a figure with two places.
func rounded(f float64) float64 { return math.Round(f*100) / 100 }

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the page has gone
}

func refuseJSON(w http.ResponseWriter, status int, why string) {
	answerJSON(w, status, map[string]string{"error": why})
}
