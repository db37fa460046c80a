package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"orderengine/domain"
	"orderengine/domain/catalog"
	"orderengine/domain/link"
	"orderengine/domain/qa"
	"orderengine/httpapi/drf"
)

// Limits of what is said, in characters and items.
const (
	maxText    = 10000
	maxFiles   = 50
	maxFileURL = 1000
	maxEntries = 50
	// maxNamed is how many bytes of JSON the tags, or the drugs, of an answer may be: with its own texts, sealed and in
	// base64, they have to fit into one append. Descriptions were once as long as other texts.
	maxNamed = 160 << 10
)

var msgNamedTooLong = drf.NewMessage("Together they are too long: no more than {limit} bytes are taken. Name fewer of them.",
	"所列条目合计过长：最多 {limit} 字节，请减少条目。")

// askQuestion is the call that leads from 已支付 to 待回答; the reply is the document's question object.
func (c *call) askQuestion() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	number := f.String("order")
	text := qa.QuestionText{
		AllergyHistory:       f.String("allergy_history", drf.Optional, drf.AllowBlank, drf.MaxLength(maxText)),
		SmokeHistory:         f.String("smoke_history", drf.Optional, drf.AllowBlank, drf.MaxLength(maxText)),
		ConditionDescription: f.String("condition_description", drf.MaxLength(maxText)),
		Files:                files(f),
	}
	if err := c.isParty(ctx, f, "order", number); err != nil {
		return reply{}, err
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	asked := qa.Question{At: c.now()}
	if err := c.rehearse(ctx, number, qa.Ask{By: c.actor, Question: asked}); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, c.api.Sequences.Questions)
	if err != nil {
		return reply{}, err
	}
	asked.PK, asked.At = op.pk, op.at
	if _, err := c.api.Questions.Execute(ctx, strconv.FormatInt(op.pk, 10), c.minting(op).Step("link"), link.Command{To: number}); err != nil {
		return reply{}, err
	}
	order, err := c.say(ctx, number, op, asked.Purpose(number), text, func(sealed domain.Sealed) qa.Command {
		asked.Text = sealed
		return qa.Ask{By: c.actor, Question: asked}
	})
	if err != nil {
		return reply{}, err
	}
	return c.partReply(ctx, http.StatusCreated, order, c.writeQuestion)
}

// files reads the question's files from file_list or, where that names none, from desc_files (joined by commas).
func files(f *drf.Fields) []string {
	options := []drf.Option{drf.Optional, drf.AllowNull, drf.MaxItems(maxFiles), drf.MaxLength(maxFileURL)}
	if listed := f.StringList("file_list", options...); len(listed) > 0 {
		return listed
	}
	return f.JoinedList("desc_files", options...)
}

// isParty adds an error to a field that names an order unless the caller is a party of it.
func (c *call) isParty(ctx context.Context, f *drf.Fields, field, number string) error {
	if !f.OK(field) {
		return nil
	}
	if qa.IsNumber(number) {
		order, err := c.api.Orders.Load(ctx, number)
		if err != nil {
			return err
		}
		if _, ok := order.State.SideOf(c.actor); ok {
			return nil
		}
	}
	f.Add(field, drf.MsgNoSuchObject, "order_number", number)
	return nil
}

// answerQuestion is the call that leads from 待回答 to 已回答; the reply is the document's answer object.
func (c *call) answerQuestion() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	given := qa.Answer{Question: f.PK("question")}
	number, err := c.questioned(ctx, f, given.Question)
	if err != nil {
		return reply{}, err
	}
	var text qa.AnswerText
	if err := c.named(ctx, f, &text); err != nil {
		return reply{}, err
	}
	text.DiagnosisResult = f.String("diagnosis_result", drf.MaxLength(maxText))
	text.ExtraSuggestion = f.String("extra_suggestion", drf.Optional, drf.AllowBlank, drf.MaxLength(maxText))
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	if err := c.rehearse(ctx, number, qa.GiveAnswer{By: c.actor, Answer: given}); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, c.api.Sequences.Answers)
	if err != nil {
		return reply{}, err
	}
	given.PK, given.At = op.pk, op.at
	order, err := c.say(ctx, number, op, given.Purpose(number), text, func(sealed domain.Sealed) qa.Command {
		given.Text = sealed
		return qa.GiveAnswer{By: c.actor, Answer: given}
	})
	if err != nil {
		return reply{}, err
	}
	return c.partReply(ctx, http.StatusCreated, order, c.writeAnswer)
}

// questioned finds the order of a question that the caller is a party of.
func (c *call) questioned(ctx context.Context, f *drf.Fields, pk int64) (number string, err error) {
	if !f.OK("question") {
		return "", nil
	}
	to, err := c.api.Questions.Load(ctx, strconv.FormatInt(pk, 10))
	if err != nil {
		return "", err
	}
	if number = to.State.To; number != "" {
		order, err := c.api.Orders.Load(ctx, number)
		if err != nil {
			return "", err
		}
		if _, ok := order.State.SideOf(c.actor); ok && order.State.Question != nil {
			return number, nil
		}
	}
	f.Add("question", drf.MsgInvalidPK, strconv.FormatInt(pk, 10))
	return "", nil
}

// named reads the tags and drugs that the answer names, as they are now.
func (c *call) named(ctx context.Context, f *drf.Fields, text *qa.AnswerText) error {
	tags, err := entries(ctx, f, "diagnosis_tag", c.api.Tags)
	if err != nil {
		return err
	}
	drugs, err := entries(ctx, f, "drug", c.api.Drugs)
	if err != nil {
		return err
	}
	for _, e := range tags {
		text.Tags = append(text.Tags, *e.Tag)
	}
	for _, e := range drugs {
		text.Drugs = append(text.Drugs, *e.Drug)
	}
	return nil
}

func entries(ctx context.Context, f *drf.Fields, field string, known *Entries) ([]catalog.Entry, error) {
	var found []catalog.Entry
	for _, pk := range f.PKs(field, drf.Optional, drf.AllowNull, drf.MaxItems(maxEntries)) {
		e, err := known.Load(ctx, strconv.FormatInt(pk, 10))
		if err != nil {
			return nil, err
		}
		if !e.State.Made() {
			f.Add(field, drf.MsgInvalidPK, strconv.FormatInt(pk, 10))
			return nil, nil
		}
		found = append(found, e.State)
	}
	text, err := domain.JSON(found)
	if len(text) > maxNamed {
		f.Add(field, msgNamedTooLong, maxNamed)
	}
	return found, err
}
