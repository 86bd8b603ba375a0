package message_test

import (
	"errors"
	"html/template"
	"strings"
	"testing"
	text "text/template"

	"github.com/qdmail/qdmail/message"
)

func TestVector38Merge(t *testing.T) {
	tmpl := sample()
	tmpl.Subject = "%name%様 残り%POINT%ポイント"
	tmpl.Text = "%name% %POINT% %none% 100% %%name%% 50%point%"
	tmpl.HTML = "<p>%name% %point%</p>"
	tmpl.MessageID = "fixed@example.jp"
	tmpl.Cc = []message.Address{{Address: "cc@example.jp"}}
	before := *tmpl
	row := message.Row{
		To:     message.Address{Name: "山田 %point%", Address: "taro@example.jp"},
		Values: map[string]string{"Point": `$1\1<b>%name%`},
	}
	m, err := tmpl.Merge(row, message.Merge{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != `山田 %point%様 残り$1\1<b>%name%ポイント` {
		t.Errorf("subject %s", m.Subject)
	}
	if m.Text != `山田 %point% $1\1<b>%name% %none% 100% %山田 %point%% 50$1\1<b>%name%` {
		t.Errorf("text %s", m.Text)
	}
	if m.HTML != `<p>山田 %point% $1\1&lt;b&gt;%name%</p>` {
		t.Errorf("html %s", m.HTML)
	}
	if len(m.To) != 1 || m.To[0] != row.To || m.Cc != nil || m.Bcc != nil || m.MessageID != "" {
		t.Errorf("%+v", m)
	}
	if tmpl.Subject != before.Subject || tmpl.MessageID != before.MessageID || tmpl.To[0] != before.To[0] {
		t.Error("the template was changed")
	}
}

func TestMergeDefaultsAndMissingKeys(t *testing.T) {
	tmpl := &message.Message{Subject: "%a%%b%", Text: "%c% %名前% %_x% % a% %a b% %a"}
	row := message.Row{Values: map[string]string{"A": "", "名前": "太郎", "_x": "no"}}
	m, err := tmpl.Merge(row, message.Merge{Defaults: map[string]string{"a": "default", "B": "b"}})
	if err != nil || m.Subject != "defaultb" || m.Text != "%c% 太郎 %_x% % a% %a b% %a" {
		t.Errorf("%q %q %v", m.Subject, m.Text, err)
	}
	_, err = tmpl.Merge(row, message.Merge{RequireKeys: true})
	var errs message.Errors
	if !errors.As(err, &errs) || len(errs) != 2 || !errors.Is(err, message.ErrMissingKey) || errs[0].Field != "Subject" || errs[1].Offset != 0 {
		t.Errorf("%v", err)
	}
}

func TestMergeTemplates(t *testing.T) {
	opt := message.Merge{
		Subject: text.Must(text.New("").Parse("{{.name}}様")),
		Text:    text.Must(text.New("").Parse("{{.name}} {{.point}}")),
		HTML:    template.Must(template.New("").Parse("<p>{{.point}}</p>")),
	}
	row := message.Row{To: message.Address{Name: "太郎", Address: "a@b.jp"}, Values: map[string]string{"point": "<1>"}}
	m, err := (&message.Message{Subject: "%name%"}).Merge(row, opt)
	if err != nil || m.Subject != "太郎様" || m.Text != "太郎 <1>" || m.HTML != "<p>&lt;1&gt;</p>" {
		t.Errorf("%+v %v", m, err)
	}
	row.Data = struct{ Count int }{3}
	opt = message.Merge{Text: text.Must(text.New("").Parse("{{.Count}}"))}
	if m, err = (&message.Message{}).Merge(row, opt); err != nil || m.Text != "3" {
		t.Errorf("%+v %v", m, err)
	}
	opt = message.Merge{Text: text.Must(text.New("").Parse("{{.Nothing}}"))}
	var fe *message.FieldError
	if _, err = (&message.Message{}).Merge(row, opt); !errors.As(err, &fe) || fe.Field != "Text" {
		t.Error(err)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add("%name% 100% %x%", "v%name%")
	f.Fuzz(func(t *testing.T, s, v string) {
		row := message.Row{Values: map[string]string{"x": v}}
		m, err := (&message.Message{Text: s, HTML: s}).Merge(row, message.Merge{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(s, "%") && m.Text != s {
			t.Fatalf("%q became %q", s, m.Text)
		}
		// Without values nothing changes but the two keys that are always there.
		same, _ := (&message.Message{Text: s}).Merge(message.Row{To: message.Address{Name: "%name%", Address: "%mail%"}}, message.Merge{})
		if !strings.EqualFold(same.Text, s) {
			t.Fatalf("%q became %q", s, same.Text)
		}
	})
}
