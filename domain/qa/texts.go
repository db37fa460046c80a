package qa

import (
	"strconv"

	"orderengine/domain"
	"orderengine/domain/catalog"
)

// The texts below are health data. They are sealed with the patient's data key before a command is made of them, so
// no state, event or view ever has one; whoever may read them has them opened.
type (
	// QuestionText is what a patient writes in a question.
	QuestionText struct {
		AllergyHistory       string   `json:"allergy_history"`
		SmokeHistory         string   `json:"smoke_history"`
		ConditionDescription string   `json:"condition_description"`
		Files                []string `json:"files,omitempty"`
	}
	// AnswerText is what a doctor answers. Tags and drugs are as they were when it was given.
	AnswerText struct {
		Tags            []catalog.Tag  `json:"tags,omitempty"`
		Drugs           []catalog.Drug `json:"drugs,omitempty"`
		DiagnosisResult string         `json:"diagnosis_result"`
		ExtraSuggestion string         `json:"extra_suggestion"`
	}
	// EvaluationText is what a patient writes about a doctor.
	EvaluationText struct {
		Content string `json:"content"`
	}
)

// What a text is sealed for: its place. Nobody can have it shown as another's.

// Purpose is what the question's text is sealed for.
func (q Question) Purpose(order string) string { return purpose(order, "question", q.PK) }

// Purpose is what the answer's text is sealed for.
func (a Answer) Purpose(order string) string { return purpose(order, "answer", a.PK) }

// Purpose is what the evaluation's text is sealed for.
func (e Evaluation) Purpose(order string) string { return purpose(order, "evaluation", e.PK) }

// TextOf is the text that an event of an order brings, and what it is sealed for; nil if it brings none.
func TextOf(e Event, order string) (purpose string, text domain.Sealed) {
	switch e := e.(type) {
	case QuestionAsked:
		return e.Question.Purpose(order), e.Question.Text
	case QuestionAnswered:
		return e.Answer.Purpose(order), e.Answer.Text
	case OrderEvaluated:
		return e.Evaluation.Purpose(order), e.Evaluation.Text
	default:
		return "", nil
	}
}

func purpose(order, kind string, pk int64) string {
	return Category + "-" + order + "/" + kind + "/" + strconv.FormatInt(pk, 10)
}
