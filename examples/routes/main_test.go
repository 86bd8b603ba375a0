package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for want, times := range map[string]int{
		`(?m)^from news@news\.example\.co\.jp to taro@docomo\.ne\.jp: hosts:mx\.carrier\.example$`:                 1,
		`(?m)^from shop@example\.co\.jp to taro@docomo\.ne\.jp: direct$`:                                           1,
		`(?m)^after \d\.\d\d s: (taro|hanako|jiro)@docomo\.ne\.jp +accepted by mx\.carrier\.example:25 \(250 2`:    3,
		`(?m)^after \d\.\d\d s: (taro|hanako|jiro)@docomo\.ne\.jp +accepted by mx\.docomo\.example:25 \(250 2`:     3,
		`(?m)^after \d\.\d\d s: .@(au\.com|ezweb\.ne\.jp) +accepted by mx\.au\.example:25 \(250 2`:                 10,
		`(?m)^after \d\.\d\d s: (yuki|ken)@example\.(com|net) +accepted by 127\.0\.0\.1:\d+ \(250 2`:               4,
		`(?m)^after \d\.\d\d s: nobody@old\.example\.jp rejected by the table itself \(550 5\.1\.2 that domain is`: 2,
		`(?m)^mx\.carrier\.example 3, from out7\.example\.co\.jp$`:                                                 1,
		`(?m)^mx\.docomo\.example  3, from mail\.example\.co\.jp$`:                                                 1,
		`(?m)^mx\.au\.example      10, from mail\.example\.co\.jp$`:                                                1,
		`(?m)^relay\.example\.net  4, from `:                                                                       1,
	} {
		if n := len(regexp.MustCompile(want).FindAllString(out.String(), -1)); n != times {
			t.Errorf("%s is there %d times in\n%s", want, n, out.String())
		}
	}
	if strings.Contains(out.String(), "himitsu") {
		t.Error("the password is shown")
	}
}
