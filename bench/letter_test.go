package bench_test

import (
	"fmt"
	"math/rand/v2"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// letter is a mail as every library is asked to write it.
type letter struct {
	name       string
	from       mail.Address
	to         []mail.Address
	subject    string
	text, html string // with CRLF line endings, so that nobody has to repair them
	jis        bool   // text and subject go out in ISO-2022-JP

	data     []byte // an attachment from memory, called fileName
	fileName string
	path     string // an attachment from disk
}

// size is how long the attachments are.
type size struct{ data, file int }

var fullSize = size{1 << 20, 25 << 20}

// letters returns one mail of each kind.
func letters(tb testing.TB, s size) []*letter {
	ascii := letter{
		name:    "small-ascii",
		from:    mail.Address{Name: "Example Shop", Address: "shop@example.com"},
		to:      []mail.Address{{Name: "Taro Yamada", Address: "taro@example.jp"}},
		subject: "Your order has been shipped",
		text: "Dear Taro Yamada,\r\n\r\nyour order 2026-0042 has been shipped today and should reach you\r\n" +
			"within two days.\r\n\r\nThank you for shopping with us.\r\n\r\nExample Shop\r\n",
	}
	small := letter{
		name:    "small-japanese",
		from:    mail.Address{Name: "サンプル商店", Address: "shop@example.com"},
		to:      []mail.Address{{Name: "山田 太郎", Address: "taro@example.jp"}},
		subject: "ご注文の商品を発送いたしました",
		text: "山田 太郎 様\r\n\r\nご注文番号 2026-0042 の商品を本日発送いたしました。\r\n" +
			"二日以内にお手元に届く予定です。\r\n\r\nご利用ありがとうございました。\r\n\r\nサンプル商店\r\n",
	}
	html := small
	html.name = "text+html"
	html.html = "<!DOCTYPE html>\r\n<html lang=\"ja\"><body>\r\n<p>山田 太郎 様</p>\r\n" +
		"<p>ご注文番号 <b>2026-0042</b> の商品を本日発送いたしました。<br>\r\n" +
		"二日以内にお手元に届く予定です。</p>\r\n<p>ご利用ありがとうございました。</p>\r\n" +
		"<p>サンプル商店</p>\r\n</body></html>\r\n"

	memory := small
	memory.name = "attachment-1MiB"
	memory.data, memory.fileName = octets(s.data), "見積書.pdf"

	disk := small
	disk.name = "file-25MiB"
	disk.fileName = "カタログ.pdf"
	disk.path = filepath.Join(tb.TempDir(), disk.fileName)
	if err := os.WriteFile(disk.path, octets(s.file), 0o600); err != nil {
		tb.Fatal(err)
	}

	many := small
	many.name = "100-recipients"
	many.to = nil
	for i := range 100 {
		many.to = append(many.to, mail.Address{Name: "山田 太郎", Address: fmt.Sprintf("taro%d@example.jp", i)})
	}

	jis := small
	jis.name = "iso-2022-jp-10KB"
	jis.text, jis.jis = novel(), true

	return []*letter{&ascii, &small, &html, &memory, &disk, &many, &jis}
}

// novel is about 10 KB of Japanese in UTF-8, the way Japanese is written: kanji,
// kana and now and then a number, in lines of usual length.
func novel() string {
	return strings.Repeat("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\r\n"+
		"何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。\r\n"+
		"明治38年(1905年)1月の「ホトトギス」に載った第1回は、ここから始まる。\r\n", 32)
}

// octets are n octets without a pattern, the same ones each time.
func octets(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{42}).Read(b)
	return b
}
