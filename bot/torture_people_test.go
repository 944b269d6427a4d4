//go:build linux

package bot_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// question is one thing that somebody asked, and all that is needed to judge its answer.
type question struct {
	id        int
	sentences int // its answer has so many
	ts        string
}

// dialog is one thread.
type dialog struct {
	channel, ts string
	user        string // who is alone with the bot in it; empty: nobody is any more
	direct      bool
	questions   []question // in the order they were asked
	stops       []string   // when somebody typed stop
}

// stopped reports whether somebody stopped the answer to a question, perhaps after its end.
func (d *dialog) stopped(q question) bool {
	return slices.ContainsFunc(d.stops, func(ts string) bool { return ts > q.ts }) // all have ten digits before the point
}

func (q question) words() string {
	return fmt.Sprintf("q%d: please say %d sentences", q.id, q.sentences)
}

var (
	reAsked    = regexp.MustCompile(`\bq(\d+): please say (\d+) sentences`)
	reSentence = regexp.MustCompile(`Sentence(\d+)of(\d+)forq(\d+)ishere\.`) // without spaces: a message may end anywhere
)

// numberedAnswer is what the model says: of every question since the last answer its sentences,
// with their numbers. goesOn says that it was asked to go on with an answer that is there in part.
func numberedAnswer(messages []llmsim.Message) (text string, questions []int, goesOn bool) {
	last := len(messages) - 1
	if last < 0 {
		return "", nil, false
	}
	var b strings.Builder
	for _, m := range reAsked.FindAllStringSubmatch(messages[last].Content, -1) {
		id, _ := strconv.Atoi(m[1])
		n, _ := strconv.Atoi(m[2])
		questions = append(questions, id)
		for i := range n {
			fmt.Fprintf(&b, "Sentence %d of %d for q%d is here.", i, n, id)
			if i%7 == 6 || i == n-1 {
				b.WriteString("\n\n")
			} else {
				b.WriteString(" ")
			}
		}
	}
	if len(questions) == 0 && last > 0 && messages[last-1].Role == "assistant" {
		whole, questions, _ := numberedAnswer(messages[:last-1])
		rest, ok := strings.CutPrefix(whole, messages[last-1].Content)
		if !ok {
			rest = strings.TrimPrefix(whole, strings.TrimSpace(messages[last-1].Content))
		}
		return rest, questions, true
	}
	return strings.TrimSpace(b.String()), questions, false
}

// need is how long the model takes for the answer to a question that it answers alone.
func (q question) need(speed float64) time.Duration {
	text, _, _ := numberedAnswer([]llmsim.Message{{Role: "user", Content: q.words()}})
	return tortureFirst + time.Duration(float64(llmsim.CountTokens(text))/speed*float64(time.Second))
}

// tortureRooms are the channels of a workspace: each takes about a post a second.
func tortureRooms(n int) []slacksim.Channel {
	var out []slacksim.Channel
	for i := range n {
		out = append(out, slacksim.Channel{ID: fmt.Sprintf("C0ROOM%04d", i), Name: fmt.Sprintf("room-%d", i), Private: i%3 == 2})
	}
	return out
}

// torturePeople are some who share channels, and one for each thread of direct messages that there
// may be.
func torturePeople(threads int) []slacksim.User {
	var out []slacksim.User
	for i, name := range persons {
		out = append(out, slacksim.User{ID: fmt.Sprintf("U0PERSON%03d", i), Name: name, RealName: name})
	}
	for i := range threads {
		out = append(out, slacksim.User{ID: fmt.Sprintf("U0DORA%05d", i), Name: fmt.Sprintf("dora-%d", i), RealName: "Dora"})
	}
	return out
}

// people ask.
type People struct {
	a       *arena
	rand    *rand.Rand
	rooms   int
	dialogs []*dialog
	asked   int // questions
	plan    []deed
}

// deed is what somebody is going to do.
type deed struct {
	at time.Duration
	do func()
}

var persons = []string{"alice", "bob", "carol"}

// arrange decides who asks what and when.
func (p *People) arrange(threads int, rate float64) {
	for i := range threads {
		d := &dialog{user: persons[p.rand.IntN(len(persons))], channel: fmt.Sprintf("room-%d", p.rand.IntN(p.rooms))}
		if p.rand.Float64() < *tortureDirect {
			d.user = fmt.Sprintf("dora-%d", i) // each writes once: what is said directly in an hour goes into one prompt
			d.channel, d.direct = "@"+d.user, true
		}
		at := time.Duration((float64(i) + p.rand.Float64()) / rate * float64(time.Second))
		after := func(most float64) time.Duration {
			return at + time.Duration((0.3+p.rand.Float64()*most)*float64(time.Second))
		}
		p.deed(at, func(q question) { p.ask(d, d.user, q) })
		if p.rand.Float64() < *tortureFollow {
			for range 1 + p.rand.IntN(2) {
				user := d.user
				if !d.direct && p.rand.IntN(4) == 0 {
					user = persons[p.rand.IntN(len(persons))]
				}
				p.deed(after(8), func(q question) { p.ask(d, user, q) })
			}
		}
		if p.rand.Float64() < *tortureStop {
			p.plan = append(p.plan, deed{after(3), func() { p.stop(d) }})
		}
	}
	slices.SortStableFunc(p.plan, func(a, b deed) int { return int(a.at - b.at) })
}

// deed plans a question.
func (p *People) deed(at time.Duration, ask func(question)) {
	p.asked++
	most := *tortureSentences
	q := question{id: p.asked, sentences: most/3 + p.rand.IntN(most-most/3+1)}
	if p.rand.Float64() < *tortureLong {
		q.sentences = 400 // 14,000 characters
	}
	p.plan = append(p.plan, deed{at, func() { ask(q) }})
}

func (p *People) ask(d *dialog, user string, q question) {
	text := q.words()
	// Who is not alone with the bot in the thread has to mention it.
	if d.ts == "" && !d.direct || user != d.user || p.rand.IntN(2) == 0 {
		text = p.a.slack.Mention() + " " + text
	}
	if user != d.user {
		d.user = ""
	}
	q.ts = p.a.slack.Say(user, d.channel, d.ts, text)
	if d.ts == "" {
		d.ts, d.channel = q.ts, p.a.slack.ChannelID(d.channel)
		p.dialogs = append(p.dialogs, d)
	}
	d.questions = append(d.questions, q)
	p.a.note(nil, "%s asks q%d in %s/%s", user, q.id, d.channel, d.ts)
}

func (p *People) stop(d *dialog) {
	if d.user == "" {
		return // it would have to be mentioned to be heard
	}
	d.stops = append(d.stops, p.a.slack.Say(d.user, d.channel, d.ts, "stop"))
	p.a.note(nil, "%s types stop in %s/%s", d.user, d.channel, d.ts)
}

// run does all of it, each at its time.
func (p *People) run() {
	begin := time.Now()
	for _, d := range p.plan {
		if wait := d.at - time.Since(begin); wait > 0 {
			time.Sleep(wait)
		}
		d.do()
	}
}
