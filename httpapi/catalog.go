package httpapi

import (
	"net/http"
	"strconv"

	"orderengine/domain/catalog"
	"orderengine/httpapi/drf"
)

const (
	maxName   = 100
	maxDosage = 200
	// An answer keeps its own copy of up to maxEntries of them.
	maxDescription = 500
)

// createTag makes a diagnosis tag.
func (c *call) createTag() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	tag := catalog.Tag{
		Owner:       c.actor,
		Name:        f.String("name", drf.MaxLength(maxName)),
		Description: f.String("description", drf.Optional, drf.AllowBlank, drf.MaxLength(maxDescription)),
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, c.api.Sequences.Tags)
	if err != nil {
		return reply{}, err
	}
	tag.PK = op.pk
	made, err := c.api.Tags.Execute(ctx, strconv.FormatInt(op.pk, 10), c.caller(op.id, op.at), catalog.CreateTag{Tag: tag})
	if err != nil {
		return reply{}, err
	}
	c.await(made.Position)
	return reply{http.StatusCreated, made.State.Tag}, nil
}

// createDrug makes a drug.
func (c *call) createDrug() (reply, error) {
	ctx, cancel := c.commandCtx()
	defer cancel()
	f := c.data.Fields()
	drug := catalog.Drug{
		Owner:       c.actor,
		Name:        f.String("name", drf.MaxLength(maxName)),
		Standard:    f.String("standard", drf.Optional, drf.AllowBlank, drf.MaxLength(maxDosage)),
		TotalDosage: f.String("total_dosage", drf.Optional, drf.AllowBlank, drf.MaxLength(maxDosage)),
		EachDosage:  f.String("each_dosage", drf.Optional, drf.AllowBlank, drf.MaxLength(maxDosage)),
		DayTimes:    f.String("day_times", drf.Optional, drf.AllowBlank, drf.MaxLength(maxDosage)),
	}
	if err := f.Err(); err != nil {
		return reply{}, err
	}
	op, err := c.begin(ctx, c.api.Sequences.Drugs)
	if err != nil {
		return reply{}, err
	}
	drug.PK = op.pk
	made, err := c.api.Drugs.Execute(ctx, strconv.FormatInt(op.pk, 10), c.caller(op.id, op.at), catalog.CreateDrug{Drug: drug})
	if err != nil {
		return reply{}, err
	}
	c.await(made.Position)
	return reply{http.StatusCreated, made.State.Drug}, nil
}
