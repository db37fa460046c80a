package domain_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderengine/domain"
	"orderengine/domain/catalog"
	"orderengine/domain/idempotency"
	"orderengine/domain/message"
	"orderengine/domain/qa"
)

// plain is a text that was stored before texts were sealed; its fields are in the order of their names.
func plain(text string) domain.Sealed { return append(domain.Sealed{domain.SealedPlain}, text...) }

// TestFormerForms: what was stored in a form that is not written any more is read for ever.
func TestFormerForms(t *testing.T) {
	former(t, "qa", qa.Codec, []qa.Event{
		qa.QuestionAsked{Question: qa.Question{PK: 4, At: at, Text: plain(
			`{"allergy_history":"无","condition_description":"咳嗽 \u0026 发热","files":["http://123.jpg"],"smoke_history":"\u003c无\u003e"}`)}},
		qa.QuestionAnswered{Answer: qa.Answer{PK: 5, Question: 4, At: at, Text: plain(
			`{"diagnosis_result":"吃药","drugs":[{"pk":2,"owner":"doctor1","name":"头孢","standard":"0.25g*24","total_dosage":"1盒","each_dosage":"2粒","day_times":"3次"}],` +
				`"extra_suggestion":"多喝水","tags":[{"pk":1,"owner":"doctor1","name":"感冒","description":"风寒 \u0026 \u003c风热\u003e"}]}`)}},
		qa.OrderEvaluated{Evaluation: qa.Evaluation{PK: 6, Scores: 5, At: at, Text: plain(`{"content":"好"}`)}},
	})
	former(t, "message", message.Codec, []message.Happening{
		message.MessageComposed{Content: message.Content{ID: "6c5f2a54-3f5e-4b0c-9f0e-0a4f6f1d7a11", Hospital: "H001", Event: message.Waiting, Patient: "patient1",
			Voucher: "123456789", At: at, Text: plain(`{"params":{"currentNum":"3","patName":"王先生"},"text":"王先生，前面还有 3 人 \u0026 \u003c请候诊\u003e"}`)}},
	})
	former(t, "idempotency", idempotency.Codec, []idempotency.Event{
		idempotency.ReplyRecorded{Reply: idempotency.Reply{Status: 201, Body: []byte(`{"pk":7}`)}},
	})
}

func former[E any](t *testing.T, lifecycle string, codec *domain.Codec[E], want []E) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "former", lifecycle+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d former forms of %s, want %d", len(lines), lifecycle, len(want))
	}
	for i, line := range lines {
		decodes(t, codec, line, want[i])
	}
}

// TestFormerTextsAreTheTexts: what the fields were is what the text's fields are.
func TestFormerTextsAreTheTexts(t *testing.T) {
	line, err := os.ReadFile(filepath.Join("testdata", "former", "qa.txt"))
	if err != nil {
		t.Fatal(err)
	}
	answered := strings.SplitN(strings.Split(string(line), "\n")[1], " ", 3)[2]
	event, err := qa.Codec.Decode("QuestionAnswered", 1, []byte(answered))
	if err != nil {
		t.Fatal(err)
	}
	var got qa.AnswerText
	if err := json.Unmarshal(event.(qa.QuestionAnswered).Text[1:], &got); err != nil {
		t.Fatal(err)
	}
	want := qa.AnswerText{Tags: []catalog.Tag{sampleTag}, Drugs: []catalog.Drug{sampleDrug}, DiagnosisResult: "吃药", ExtraSuggestion: "多喝水"}
	if g, w := mustJSON(t, got), mustJSON(t, want); g != w {
		t.Errorf("%s, want %s", g, w)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := domain.JSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
