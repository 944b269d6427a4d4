package ops

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"llmbot/bot/tools"
)

// toolServer is a server of tools as JSON: names, figures and reasons, never arguments or results.
type toolServer struct {
	Name      string    `json:"name"`
	Transport string    `json:"transport"`
	Channels  []string  `json:"channels"`
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`
	Why       string    `json:"why,omitempty"`
	Hint      string    `json:"hint,omitempty"`
	Troubles  []string  `json:"troubles,omitempty"`
	Tools     []tool    `json:"tools"`
	Calls     int       `json:"calls"`
	Failures  int       `json:"failures"`
	Running   int       `json:"running"`
}

type tool struct {
	Name     string `json:"name"`
	Policy   string `json:"policy"`
	ReadOnly bool   `json:"read_only"`
	Bytes    int    `json:"definition_bytes"`
}

// tools shows the servers of tools.
func (s *Server) tools(w http.ResponseWriter, r *http.Request) {
	list := []toolServer{}
	for _, st := range s.cfg.tools() {
		list = append(list, toolServerOf(st))
	}
	show(w, r, http.StatusOK, map[string]any{"servers": list}, func(w io.Writer) { toolsText(w, list) })
}

func toolServerOf(st tools.ServerStatus) toolServer {
	out := toolServer{
		Name: shown(st.Name), Transport: shown(st.Transport), Channels: st.Channels, Connected: st.Connected, Since: st.Since, Why: shown(st.Why), Hint: shown(st.Hint),
		Tools: []tool{}, Calls: st.Calls, Failures: st.Failures, Running: st.Running,
	}
	for _, t := range st.Troubles {
		out.Troubles = append(out.Troubles, shown(t))
	}
	for _, t := range st.Tools {
		out.Tools = append(out.Tools, tool{Name: shown(t.Name), Policy: string(t.Policy), ReadOnly: t.ReadOnly, Bytes: t.Bytes})
	}
	return out
}

func toolsText(w io.Writer, list []toolServer) {
	if len(list) == 0 {
		fmt.Fprintln(w, "the model has no tools: BOT_TOOLS_FILE is not set, or names no server")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "server\tover\tstate\tfor\ttools\tcalls\tfailed\trunning\tchannels")
	for _, s := range list {
		state, since := "connected", "-"
		if !s.Connected {
			state = "not connected"
		}
		if !s.Since.IsZero() {
			since = lasted(time.Since(s.Since))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", s.Name, s.Transport, state, since, len(s.Tools), s.Calls, s.Failures, s.Running, shown(strings.Join(s.Channels, " ")))
	}
	_ = t.Flush()
	for _, s := range list {
		fmt.Fprintf(w, "\n%s\n", s.Name)
		for _, line := range append([]string{s.Why, s.Hint}, s.Troubles...) {
			if line != "" {
				fmt.Fprintf(w, "  %s\n", line)
			}
		}
		for _, one := range s.Tools {
			reads := ""
			if one.ReadOnly {
				reads = ", only reads"
			}
			fmt.Fprintf(w, "  %s: %s%s, %d bytes\n", one.Name, one.Policy, reads, one.Bytes)
		}
	}
}
