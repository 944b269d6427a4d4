package attach

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"llmbot/bot/document"
	"llmbot/bot/prompt"
	"llmbot/bot/thread"
)

// shelf is a place with files.
type shelf struct {
	files      map[string]thread.File
	data       map[string][]byte
	err        error
	asked      int // calls of Slack, for what a file has and for what it is
	fetched    int // those of the first kind
	readyAfter int // calls after which a transcript is there
}

func (s *shelf) File(_ context.Context, f thread.File, most int64) ([]byte, error) {
	s.asked++
	s.fetched++
	if s.err != nil {
		return nil, s.err
	}
	if int64(len(s.data[f.ID])) > most || f.Size > most {
		return nil, ErrLargeFile
	}
	return s.data[f.ID], nil
}

// pdfs reads every PDF file in the same way.
type pdfs struct {
	text document.Text
	err  error
}

func (p pdfs) Read(context.Context, []byte, document.Limits) (document.Text, error) {
	return p.text, p.err
}

// fill reads one file twice, and returns what the prompt has, what is said, and how often the file
// was fetched.
func fill(t *testing.T, s *shelf, p PDFs) (text, said string, asked int) {
	t.Helper()
	r := New(s, p, nil, nil, slog.New(slog.DiscardHandler))
	for range 2 {
		turns := []prompt.Turn{{ID: "m1"}}
		var list []thread.File
		for _, f := range s.files {
			list = append(list, f)
		}
		words := r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": list}, 0, func(string) bool { return true })
		if again := turns[0].Files; text != "" && again != text {
			t.Errorf("%q and then %q", text, again)
		}
		text, said = turns[0].Files, strings.Join(words, " ")
	}
	return text, said, s.fetched
}

func TestDocuments(t *testing.T) {
	var docx bytes.Buffer
	z := zip.NewWriter(&docx)
	w, _ := z.Create("word/document.xml")
	_, _ = w.Write([]byte(`<w:document><w:body><w:p><w:r><w:t>zq ` + "```" + ` it</w:t></w:r></w:p></w:body></w:document>`))
	_ = z.Close()
	const office = "application/vnd.openxmlformats-officedocument."
	pdf := thread.File{ID: "F1", Name: "x.pdf", MIME: "application/pdf", Type: "pdf"}
	for name, tt := range map[string]struct {
		file  thread.File
		data  string
		pdfs  PDFs
		err   error
		text  string // all of it, or a part that begins with …
		said  string // a part
		asked int
	}{
		"Word":                {thread.File{ID: "F1", Name: "x.docx", MIME: office + "wordprocessingml.document"}, docx.String(), nil, nil, "File x.docx:\n````\nzq ``` it\n````", "", 1},
		"a broken one":        {thread.File{ID: "F1", Name: "x.docx", MIME: office + "wordprocessingml.document"}, "zq", nil, nil, "(attached file x.docx, which you cannot read: it is damaged)", "I can't read x.docx: it is damaged", 1},
		"of Office 97":        {thread.File{ID: "F1", Name: "x.xlsx", MIME: "application/octet-stream", Type: "xlsx"}, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", nil, nil, "…it has an old format", "Please save it as", 1},
		"CSV":                 {thread.File{ID: "F1", Name: "x.csv", MIME: "text/csv"}, "Gr\xf6\xdfe;b\n1,5;2\n", nil, nil, "File x.csv:\n```\n| Größe | b |\n| --- | --- |\n| 1,5 | 2 |\n```", "", 1},
		"CSV in UTF-16":       {thread.File{ID: "F1", Name: "x.csv", MIME: "text/plain"}, "\xff\xfea\x00\t\x00b\x00\n\x001\x00\t\x002\x00", nil, nil, "File x.csv:\n```\n| a | b |\n| --- | --- |\n| 1 | 2 |\n```", "", 1},
		"a long CSV":          {thread.File{ID: "F1", Name: "x.csv", MIME: "text/csv"}, "a,b\n" + strings.Repeat("1,2\n", 1e6), nil, nil, "…(the beginning of its 4,000,004 characters)", "Of x.csv I read the beginning", 1},
		"CSV that is none":    {thread.File{ID: "F1", Name: "x.csv", MIME: "text/csv"}, "a\x00\x00\x00b", nil, nil, "…it is damaged", "not what its name says", 1},
		"a canvas":            {thread.File{ID: "F1", Name: "Runbook", MIME: "application/vnd.slack-docs", Type: "quip"}, "<h1>Run</h1><p>it</p>", nil, nil, "File Runbook:\n```\n# Run\n\nit\n```", "", 2},
		"PDF":                 {pdf, "%PDF", pdfs{text: document.Text{Markdown: "## Page 1\n\nzq"}}, nil, "File x.pdf:\n```\n## Page 1\n\nzq\n```", "", 1},
		"some pages":          {pdf, "%PDF", pdfs{text: document.Text{Markdown: "zq", Part: "the first 2 of 300 pages"}}, nil, "File x.pdf (the first 2 of 300 pages):\n```\nzq\n```", "Of x.pdf I read the first 2 of 300 pages.", 1},
		"nobody reads PDF":    {pdf, "%PDF", nil, nil, "…its type is application/pdf", "I can't read x.pdf: I read text", 0},
		"with a password":     {pdf, "%PDF", pdfs{err: document.ErrPassword}, nil, "…protected by a password", "send a copy without", 1},
		"a scan":              {pdf, "%PDF", pdfs{err: document.ErrNoText}, nil, "…no text in it", "as pictures", 1},
		"slow":                {pdf, "%PDF", pdfs{err: document.ErrSlow}, nil, "…took too long", "I gave x.pdf up", 1},
		"too much":            {pdf, "%PDF", pdfs{err: document.ErrLarge}, nil, "…too large", "too much in it", 1},
		"busy":                {pdf, "%PDF", pdfs{err: document.ErrBusy}, nil, "…no time", "ask again in a minute", 2},
		"no reader":           {pdf, "%PDF", pdfs{err: errors.New("zq")}, nil, "…could not be read", "ask again later", 2},
		"200 MB":              {thread.File{ID: "F1", Name: "x.pdf", MIME: "application/pdf", Size: 200 << 20}, "", pdfs{}, nil, "…it is too large", "at most 32 MB", 1},
		"on another host":     {thread.File{ID: "F1", Name: "plan.txt", MIME: "text/plain"}, "", nil, ErrElsewhere, "…another host than Slack's", "upload it here", 0},
		"an archive":          {thread.File{ID: "F1", Name: "x.zip", MIME: "application/zip", Type: "zip"}, "", nil, nil, "…its type is application/zip", "I can't read x.zip", 0},
		"a web page":          {thread.File{ID: "F1", Name: "x.php", MIME: "text/plain"}, "<!DOCTYPE html>\nzq", nil, nil, "File x.php:\n```\n<!DOCTYPE html>\nzq\n```", "", 1},
		"by its content only": {thread.File{ID: "F1", Name: "x", MIME: "", Type: "pdf"}, "%PDF", pdfs{text: document.Text{Markdown: "zq"}}, nil, "File x:\n```\nzq\n```", "", 1},
	} {
		s := &shelf{files: map[string]thread.File{"F1": tt.file}, data: map[string][]byte{"F1": []byte(tt.data)}, err: tt.err}
		text, said, asked := fill(t, s, tt.pdfs)
		part, isPart := strings.CutPrefix(tt.text, "…")
		if text != tt.text && (!isPart || !strings.Contains(text, part)) || !strings.Contains(said, tt.said) || tt.said == "" && said != "" || asked != tt.asked {
			t.Errorf("%s: %.300q, %q, asked %d times", name, text, said, asked)
		}
		if strings.Count(said, "\n") > 0 || strings.Count(said, ". ") > 1 {
			t.Errorf("%s: said %q", name, said)
		}
	}
}

// TestWhatChanges: what people can write on in is read anew in each turn, and what they cannot is
// remembered.
func TestWhatChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		said, told thread.File // what the message says of it, and Slack
		anew       bool
	}{
		"a canvas":                  {thread.File{MIME: "application/vnd.slack-docs"}, thread.File{MIME: "application/vnd.slack-docs"}, true},
		"a canvas of another place": {thread.File{}, thread.File{MIME: "application/vnd.slack-docs", Mode: "quip"}, true},
		"a post":                    {thread.File{MIME: "text/plain", Mode: "post"}, thread.File{MIME: "text/plain", Mode: "post"}, true},
		"a snippet":                 {thread.File{MIME: "text/plain", Mode: "snippet", Size: 15}, thread.File{MIME: "text/plain", Mode: "snippet"}, true},
		"an upload":                 {thread.File{MIME: "text/plain", Mode: "hosted"}, thread.File{MIME: "text/plain", Mode: "hosted"}, false},
	} {
		s := &shelf{data: map[string][]byte{"F1": []byte("<p>zq first</p>")}}
		r := New(s, nil, nil, nil, slog.New(slog.DiscardHandler))
		read := func() string {
			tt.said.ID, tt.said.Name, tt.told.ID, tt.told.Name = "F1", "plan.txt", "F1", "plan.txt"
			s.files = map[string]thread.File{"F1": tt.told}
			turns := []prompt.Turn{{ID: "m1"}}
			r.Fill(t.Context(), "t1", turns, map[string][]thread.File{"m1": {tt.said}}, 0, func(string) bool { return true })
			return turns[0].Files
		}
		if got := read(); !strings.Contains(got, "zq first") {
			t.Fatalf("%s: %q", name, got)
		}
		s.data["F1"] = []byte("<p>zq second</p>")
		if tt.said.Size > 0 {
			tt.said.Size++
		}
		if got := read(); strings.Contains(got, "zq second") != tt.anew {
			t.Errorf("%s: %q", name, got)
		}
	}
}
