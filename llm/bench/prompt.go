package bench

import (
	"math/rand/v2"
	"strings"
)

// prefixWords is how many words before a prompt's own text are new in every run. Eight of 256 words
// are 64 bits. They are fewer tokens than a block of vLLM's prefix cache (16), so that the cache
// can find nothing but the chat template's own words.
const prefixWords = 8

// askLong ends the prompt for servers that do not ignore the end token: a random list of words
// alone would get a short answer.
const askLong = "\n\nWrite a very long story with all of these words in it. Do not stop before every word has had a chapter of its own."

// prompts makes the prompts of a run. It is a value: the same one makes the same prompts.
type prompts struct {
	seed, salt uint64
	words      int
	askLong    bool
}

// text returns the i-th prompt.
func (p prompts) text(i int) string {
	words := vocabulary()
	var b strings.Builder
	write := func(r *rand.Rand, n int) {
		for range n {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(words[r.IntN(len(words))])
		}
	}
	head := min(prefixWords, p.words)
	write(rand.New(rand.NewPCG(p.salt, uint64(i))), head)
	write(rand.New(rand.NewPCG(p.seed, uint64(i))), p.words-head)
	if p.askLong {
		b.WriteString(askLong)
	}
	return b.String()
}

// arrivals returns when each of n requests arrives, in seconds, the first at 0. It is a Poisson
// process of the given rate, stretched so that the mean gap is exactly 1/rate, as vLLM does.
func arrivals(seed uint64, n int, rate float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0x61727269))
	out := make([]float64, n)
	at := 0.0
	for i := 1; i < n; i++ {
		at += r.ExpFloat64()
		out[i] = at
	}
	if at > 0 {
		stretch := float64(n-1) / rate / at
		for i := range out {
			out[i] *= stretch
		}
	}
	return out
}

// vocabulary returns 256 short, common English words: one token each for most models.
func vocabulary() []string {
	return strings.Fields(`able about above across act add after again age ago air all also always among amount and angle animal answer any apple area arm army art
ask baby back bad ball band bank bar base bath bear beat bed before bell best big bird bit black block blood blow blue board boat body bone book born both
bottom bowl box boy branch brave bread break bridge bright bring broad brother brown build burn busy buy cake call calm camp car card care carry case cat
catch cause cell center chain chair chance change chart cheap check chief child choose church circle city class clean clear climb clock close cloth cloud
coast coat cold color come common cook cool copper copy corn corner cost cotton count country course cover cow cream cross crowd cry cup current custom cut
dance danger dark date day dead deal dear death deep degree depend desert design dinner direct dog door double down draw dream dress drink drive drop dry
dust duty each ear early earth east easy eat edge egg eight end enemy energy engine enough equal even event ever every exact eye face fact fall family
famous far farm fast fat father fear feel feet few field fight figure fill final find fine finger finish fire first fish fit five flat floor flow flower
fly follow food foot force forest form four free fresh friend front fruit full game garden gas gate gather general gift girl give glad glass gold good grand grass gray great green ground group grow guess`)
}
