package httpapi

import (
	"context"
	"errors"
	"strings"

	"orderengine/domain/account"
	"orderengine/domain/catalog"
	"orderengine/domain/payment"
	"orderengine/domain/qa"
	"orderengine/httpapi/drf"
)

// The forms below are the document's: its keys, in its order.

type profileJSON struct {
	Owner          string `json:"owner"`
	InvitationCode string `json:"invitation_code"`
	Name           string `json:"name"`
	Avatar         string `json:"avatar"`
}

type orderJSON struct {
	PK               int64         `json:"pk"`
	Patient          profileJSON   `json:"patient"`
	Doctor           profileJSON   `json:"doctor"`
	Question         *questionJSON `json:"question"`
	Answer           *answerJSON   `json:"answer"`
	OrderNumber      string        `json:"order_number"`
	Amount           string        `json:"amount"`
	Status           qa.Status     `json:"status"`
	StatusDisplay    string        `json:"status_display"`
	Channel          string        `json:"channel"`
	ChannelDisplay   string        `json:"channel_display"`
	OrderType        string        `json:"order_type"`
	OrderTypeDisplay string        `json:"order_type_display"`
	CreateTime       string        `json:"create_time"`
}

// chargedJSON is an order with the charge that paid it, or else with the newest, and with the others: money that was
// not wanted may have come through them.
type chargedJSON struct {
	orderJSON
	Charge       *payment.Charge  `json:"charge"`
	OtherCharges []payment.Charge `json:"other_charges"`
}

// The texts of the next three are null where they are hidden.

type questionJSON struct {
	PK                   int64       `json:"pk"`
	Owner                profileJSON `json:"owner"`
	Order                string      `json:"order"`
	AllergyHistory       *string     `json:"allergy_history"`
	SmokeHistory         *string     `json:"smoke_history"`
	ConditionDescription *string     `json:"condition_description"`
	FileList             *[]string   `json:"file_list"`
	DescFiles            *string     `json:"desc_files"`
	CreateTime           string      `json:"create_time"`
	hiddenJSON
}

type answerJSON struct {
	PK              int64           `json:"pk"`
	Owner           profileJSON     `json:"owner"`
	Question        int64           `json:"question"`
	DiagnosisTag    *[]catalog.Tag  `json:"diagnosis_tag"`
	Drug            *[]catalog.Drug `json:"drug"`
	DiagnosisResult *string         `json:"diagnosis_result"`
	ExtraSuggestion *string         `json:"extra_suggestion"`
	CreateTime      string          `json:"create_time"`
	hiddenJSON
}

type evaluationJSON struct {
	PK                  int64       `json:"pk"`
	Patient             profileJSON `json:"patient"`
	Doctor              profileJSON `json:"doctor"`
	Scores              int         `json:"scores"`
	ScoresDisplay       string      `json:"scores_display"`
	Content             *string     `json:"content"`
	CreateTime          string      `json:"create_time"`
	EvaluateType        string      `json:"evaluate_type"`
	EvaluateTypeDisplay string      `json:"evaluate_type_display"`
	hiddenJSON
}

type recordJSON struct {
	PK          int64  `json:"pk"`
	OrderNumber string `json:"order_number"`
	CreateTime  string `json:"create_time"`
}

type paymentJSON struct {
	Status  int             `json:"status"`
	Message string          `json:"message"`
	Charge  *payment.Charge `json:"charge"`
}

// The document's texts for its codes.
var (
	statusDisplay = [...]string{"待支付", "已支付", "待回答", "已回答", "待评价", "已评价", "取消"}
	scoresDisplay = [...]string{"", "一星", "二星", "三星", "四星", "五星"}

	channelDisplay = map[payment.Channel]string{payment.Alipay: "支付宝", payment.WX: "微信", payment.Balance: "余额"}
	typeDisplay    = map[qa.OrderType]string{qa.Online: "在线咨询", qa.Monthly: "包月服务"}
)

// people gives users by name, from the views for a read, from the log after a command.
type people func(ctx context.Context, usernames ...string) (map[string]account.Person, error)

// parties are all who stand in the orders.
func parties(ctx context.Context, who people, orders ...qa.Order) (map[string]account.Person, error) {
	names := make([]string, 0, 2*len(orders))
	seen := make(map[string]bool, 2*len(orders))
	for _, o := range orders {
		for _, name := range []string{o.Patient, o.Doctor} {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return who(ctx, names...)
}

func renderProfile(p account.Person) profileJSON {
	return profileJSON{Owner: p.Username, InvitationCode: p.InvitationCode, Name: p.Name, Avatar: p.Avatar}
}

func (c *call) renderOrder(o qa.Order, who map[string]account.Person) (orderJSON, error) {
	question, unasked := c.renderQuestion(o, who)
	answer, unanswered := c.renderAnswer(o, who)
	return orderJSON{
		PK: o.PK, Patient: renderProfile(who[o.Patient]), Doctor: renderProfile(who[o.Doctor]),
		Question: question, Answer: answer,
		OrderNumber: o.Number, Amount: o.Amount.Yuan(),
		Status: o.Status, StatusDisplay: statusDisplay[o.Status],
		Channel: string(o.Channel()), ChannelDisplay: channelDisplay[o.Channel()],
		OrderType: string(o.Type), OrderTypeDisplay: typeDisplay[o.Type],
		CreateTime: drf.Time(o.At, c.api.Location),
	}, errors.Join(unasked, unanswered)
}

func (c *call) renderQuestion(o qa.Order, who map[string]account.Person) (*questionJSON, error) {
	q := o.Question
	if q == nil {
		return nil, nil
	}
	var text qa.QuestionText
	hidden, err := c.open(who[o.Patient], q.Purpose(o.Number), q.Text, &text)
	text.Files = orEmpty(text.Files)
	joined := strings.Join(text.Files, ",")
	return &questionJSON{
		PK: q.PK, Owner: renderProfile(who[o.Patient]), Order: o.Number,
		AllergyHistory: unless(hidden, &text.AllergyHistory), SmokeHistory: unless(hidden, &text.SmokeHistory),
		ConditionDescription: unless(hidden, &text.ConditionDescription),
		FileList:             unless(hidden, &text.Files), DescFiles: unless(hidden, &joined),
		CreateTime: drf.Time(q.At, c.api.Location), hiddenJSON: hidden,
	}, err
}

func (c *call) renderAnswer(o qa.Order, who map[string]account.Person) (*answerJSON, error) {
	w := o.Answer
	if w == nil {
		return nil, nil
	}
	var text qa.AnswerText
	hidden, err := c.open(who[o.Patient], w.Purpose(o.Number), w.Text, &text)
	text.Tags, text.Drugs = orEmpty(text.Tags), orEmpty(text.Drugs)
	return &answerJSON{
		PK: w.PK, Owner: renderProfile(who[o.Doctor]), Question: w.Question,
		DiagnosisTag: unless(hidden, &text.Tags), Drug: unless(hidden, &text.Drugs),
		DiagnosisResult: unless(hidden, &text.DiagnosisResult), ExtraSuggestion: unless(hidden, &text.ExtraSuggestion),
		CreateTime: drf.Time(w.At, c.api.Location), hiddenJSON: hidden,
	}, err
}

func (c *call) renderEvaluation(o qa.Order, who map[string]account.Person) (evaluationJSON, error) {
	e := o.Evaluation
	var text qa.EvaluationText
	hidden, err := c.open(who[o.Patient], e.Purpose(o.Number), e.Text, &text)
	return evaluationJSON{
		PK: e.PK, Patient: renderProfile(who[o.Patient]), Doctor: renderProfile(who[o.Doctor]),
		Scores: e.Scores, ScoresDisplay: scoresDisplay[e.Scores], Content: unless(hidden, &text.Content), CreateTime: drf.Time(e.At, c.api.Location),
		EvaluateType: string(o.Type), EvaluateTypeDisplay: typeDisplay[o.Type], hiddenJSON: hidden,
	}, err
}

// orEmpty makes a list of none an empty list in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
