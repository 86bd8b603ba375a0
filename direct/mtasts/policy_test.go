package mtasts_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/qdmail/qdmail/direct/mtasts"
)

func TestParseRecord(t *testing.T) {
	for txt, want := range map[string]string{
		"v=STSv1; id=20160831085700Z;":                "20160831085700Z",
		"v=STSv1;id=a":                                "a",
		"v=STSv1; id=a; x.y-z_1=b:c ; ":               "a",
		"v=STSv1;\tid=a\t;":                           "a",
		"v=STSv1; id=a; id=b":                         "a",
		"v=spf1 -all|v=STSv1; id=a":                   "a",
		"v=STSv1; id=" + strings.Repeat("a", 32):      strings.Repeat("a", 32),
		"":                                            "none",
		"v=spf1 -all":                                 "none",
		"v=STSv1 ; id=a":                              "none",
		" v=STSv1; id=a":                              "none",
		"v=stsv1; id=a":                               "none",
		"v=STSv11; id=a":                              "none",
		"v=STSv1; id=a|v=STSv1; id=b":                 "many",
		"v=STSv1; id=a|v=STSv1;":                      "many",
		"v=STSv1;":                                    "invalid",
		"v=STSv1; id=":                                "invalid",
		"v=STSv1; ID=a":                               "invalid",
		"v=STSv1; id=a-b":                             "invalid",
		"v=STSv1; id=" + strings.Repeat("a", 33):      "invalid",
		"v=STSv1; id=a;;":                             "invalid",
		"v=STSv1; id=a; b":                            "invalid",
		"v=STSv1; id=a; _b=c":                         "invalid",
		"v=STSv1; id=a; b=c d":                        "invalid",
		"v=STSv1; id=a; b=c=d":                        "invalid",
		"v=STSv1; id=日":                               "invalid",
		"v=STSv1; " + strings.Repeat("b", 33) + "=c;": "invalid",
	} {
		var list []string
		if txt != "" {
			list = strings.Split(txt, "|")
		}
		r, err := mtasts.ParseRecord(list)
		got := r.ID
		for name, sentinel := range map[string]error{"none": mtasts.ErrNoRecord, "many": mtasts.ErrManyRecords, "invalid": mtasts.ErrRecord} {
			if errors.Is(err, sentinel) {
				got = name
			}
		}
		if got != want {
			t.Errorf("%q: %q, %v", txt, got, err)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	week := 7 * 24 * time.Hour
	enforce := &mtasts.Policy{Mode: mtasts.ModeEnforce, MX: []string{"mail.a.test", "*.b.test"}, MaxAge: week}
	for text, want := range map[string]*mtasts.Policy{
		"version: STSv1\nmode: enforce\nmx: mail.a.test\nmx: *.b.test\nmax_age: 604800\n":                                enforce,
		"version: STSv1\r\nmode: enforce\r\nmx: mail.a.test\r\nmx: *.b.test\r\nmax_age: 604800":                          enforce,
		"version:STSv1\nmode:\tenforce \nmx:MAIL.a.test\nmx:   *.B.test\nmax_age:604800\n\r\n \n":                        enforce,
		"max_age: 604800\nmx: mail.a.test\nx-y.z_1: 日本  語\nmx: *.b.test\nmode: enforce\nversion: STSv1":                  enforce,
		"version: STSv1\nversion: 2\nmode: enforce\nmode: x\nmx: mail.a.test\nmx: *.b.test\nmax_age: 604800\nmax_age: x": enforce,
		"version: STSv1\nmode: none\nmax_age: 0":                                                                         {Mode: mtasts.ModeNone},
		"version: STSv1\nmode: testing\nmx: a_b\nmax_age: 1":                                                             {Mode: mtasts.ModeTesting, MX: []string{"a_b"}, MaxAge: time.Second},
		"version: STSv1\nmode: testing\nmx: a\nmax_age: 9999999999":                                                      {Mode: mtasts.ModeTesting, MX: []string{"a"}, MaxAge: mtasts.MaxAge},
		"":                                  nil,
		"version: STSv1":                    nil,
		"version: STSv1\nmode: none":        nil,
		"mode: none\nmax_age: 1":            nil,
		"version: STSv1\nmax_age: 1\nmx: a": nil,
		"version: STSv1\nmode: enforce\nmax_age: 1":                            nil,
		"version: STSv2\nmode: none\nmax_age: 1":                               nil,
		"version: stsv1\nmode: none\nmax_age: 1":                               nil,
		"version: STSv1\nmode: Enforce\nmx: a\nmax_age: 1":                     nil,
		"version : STSv1\nmode: none\nmax_age: 1":                              nil,
		" version: STSv1\nmode: none\nmax_age: 1":                              nil,
		"version: STSv1\n\nmode: none\nmax_age: 1":                             nil,
		"version: STSv1\nmode: none\nmax_age: -1":                              nil,
		"version: STSv1\nmode: none\nmax_age: 1.5":                             nil,
		"version: STSv1\nmode: none\nmax_age: 00000000001":                     nil,
		"version: STSv1\nmode: none\nmax_age: 1\nx:":                           nil,
		"version: STSv1\nmode: none\nmax_age: 1\nx: a\x00b":                    nil,
		"version: STSv1\nmode: none\nmax_age: 1\nx: a\xffb":                    nil,
		"version: STSv1\nmode: none\nmax_age: 1\nnonsense":                     nil,
		"version: STSv1\rmode: none\rmax_age: 1":                               nil,
		"\ufeffversion: STSv1\nmode: none\nmax_age: 1":                         nil,
		"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1":                     nil,
		"version: STSv1\nmode: enforce\nmx: *.\nmax_age: 1":                    nil,
		"version: STSv1\nmode: enforce\nmx: *.*.a\nmax_age: 1":                 nil,
		"version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1":                 nil,
		"version: STSv1\nmode: enforce\nmx: *a.b\nmax_age: 1":                  nil,
		"version: STSv1\nmode: enforce\nmx: .a.b\nmax_age: 1":                  nil,
		"version: STSv1\nmode: enforce\nmx: a.b.\nmax_age: 1":                  nil,
		"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1":                   nil,
		"version: STSv1\nmode: enforce\nmx: 日本.test\nmax_age: 1":               nil,
		"version: STSv1\nmode: enforce\nmx: a, b\nmax_age: 1":                  nil,
		"version: STSv1\nmode: none\nmax_age: 1" + strings.Repeat("\n", 65536): nil,
	} {
		p, err := mtasts.ParsePolicy([]byte(text))
		if !reflect.DeepEqual(p, want) || (err == nil) != (want != nil) || err != nil && !errors.Is(err, mtasts.ErrPolicy) {
			t.Errorf("%.90q: %+v, %v", text, p, err)
		}
		if len(text) > 60000 && err != nil && !strings.Contains(err.Error(), "65536") {
			t.Errorf("too large: %v", err)
		}
	}
}

// TestPolicyJSON: a store may write policies as JSON.
func TestPolicyJSON(t *testing.T) {
	p, err := mtasts.ParsePolicy([]byte("version: STSv1\nmode: enforce\nmx: *.a.test\nmax_age: 600"))
	if err != nil {
		t.Fatal(err)
	}
	in := mtasts.Entry{Policy: p, ID: "a", Fetched: time.Unix(1, 0).UTC(), Expires: time.Unix(601, 0).UTC(), Failure: mtasts.ResultPolicyInvalid}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out mtasts.Entry
	if err := json.Unmarshal(text, &out); err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%s: %+v, %v", text, out, err)
	}
}

func TestJudge(t *testing.T) {
	policy := func(mode mtasts.Mode, mx ...string) *mtasts.Policy { return &mtasts.Policy{Mode: mode, MX: mx} }
	for _, c := range []struct {
		policy *mtasts.Policy
		host   string
		want   mtasts.Decision
	}{
		{nil, "mx.a.test", mtasts.Allowed},
		{policy(mtasts.ModeNone), "mx.a.test", mtasts.Allowed},
		{policy(mtasts.ModeNone, "b.test"), "mx.a.test", mtasts.Allowed},
		{policy(mtasts.ModeEnforce, "mx.a.test"), "MX.a.test.", mtasts.Allowed},
		{policy(mtasts.ModeEnforce, "b.test", "mx.a.test"), "mx.a.test", mtasts.Allowed},
		{policy(mtasts.ModeEnforce, "mx.a.test"), "a.test", mtasts.Refused},
		{policy(mtasts.ModeEnforce, "mx.a.test"), "evilmx.a.test", mtasts.Refused},
		{policy(mtasts.ModeEnforce, "mx.a.test"), "x.mx.a.test", mtasts.Refused},
		{policy(mtasts.ModeEnforce, "mx.a.test"), "mx.a.test.evil.test", mtasts.Refused},
		{policy(mtasts.ModeEnforce, "*.a.test"), "mx.a.test", mtasts.Allowed},
		{policy(mtasts.ModeEnforce, "*.a.test"), "a.test", mtasts.Refused},
		{policy(mtasts.ModeEnforce, "*.a.test"), "x.mx.a.test", mtasts.Refused},
		{policy(mtasts.ModeEnforce, "*.a.test"), "mxa.test", mtasts.Refused},
		{policy(mtasts.ModeEnforce, "*.a.test"), "", mtasts.Refused},
		{policy(mtasts.ModeEnforce), "mx.a.test", mtasts.Refused},
		{policy(mtasts.ModeTesting, "b.test"), "mx.a.test", mtasts.Reported},
		{policy(mtasts.ModeTesting, "mx.a.test"), "mx.a.test", mtasts.Allowed},
		{policy("", "b.test"), "mx.a.test", mtasts.Refused},
	} {
		if got := c.policy.Judge(c.host); got != c.want {
			t.Errorf("%+v: %s is %v", c.policy, c.host, got)
		}
	}
	if (*mtasts.Policy)(nil).Enforced() || policy(mtasts.ModeTesting).Enforced() || !policy(mtasts.ModeEnforce).Enforced() {
		t.Error("Enforced")
	}
	if s := mtasts.Decision(9).String() + mtasts.Refused.String() + mtasts.Reported.String() + mtasts.Allowed.String(); s != "Decision(9)refusedreportedallowed" {
		t.Error(s)
	}
}

// FuzzPolicy: a policy that is accepted says the same when it is written and read
// again, keeps the limits, and every pattern of it matches a host.
func FuzzPolicy(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: *.a.test\r\nmax_age: 604800\r\n")
	f.Add("version: STSv1\nmode: none\nx: y z\nmax_age: 9999999999\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := mtasts.ParsePolicy([]byte(text))
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if err != nil {
			return
		}
		again, err := mtasts.ParsePolicy([]byte(p.String()))
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%+v became %+v, %v", p, again, err)
		}
		if p.MaxAge < 0 || p.MaxAge > mtasts.MaxAge || p.Mode != mtasts.ModeNone && len(p.MX) == 0 {
			t.Errorf("%+v", p)
		}
		for _, mx := range p.MX {
			if host := strings.Replace(mx, "*", "x", 1); p.Judge(host) != mtasts.Allowed {
				t.Errorf("%s isn't allowed by %q", host, p.MX)
			}
		}
	})
}

// FuzzRecord: a record that is accepted says the same when it is written and read
// again.
func FuzzRecord(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z;", "v=spf1 -all")
	f.Add("v=STSv1;id=a ; b=c", "")
	f.Fuzz(func(t *testing.T, one, two string) {
		r, err := mtasts.ParseRecord([]string{one, two})
		if (r.ID == "") != (err != nil) {
			t.Fatalf("%v, %v", r, err)
		}
		if err != nil {
			return
		}
		if again, err := mtasts.ParseRecord([]string{r.String()}); err != nil || r != again {
			t.Errorf("%v became %v, %v", r, again, err)
		}
	})
}
