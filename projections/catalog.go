package projections

import (
	"context"
	"fmt"
	"strings"

	"orderengine/domain/catalog"
)

// tagsIndex and drugsIndex have pks of 20 digits as members.
const (
	tagsIndex  = "tags"
	drugsIndex = "drugs"
)

func catalogProjection(category string) Projection {
	return Fold[catalog.Entry, catalog.Event]{Of: category, Codec: catalog.Codec, Evolve: catalog.Evolve, Rows: catalogRows}
}

func catalogRows(_ string, e catalog.Entry) Rows {
	switch {
	case e.Tag != nil:
		return Rows{Listings: []Listing{{tagsIndex, fmt.Sprintf("%020d", e.Tag.PK)}}}
	case e.Drug != nil:
		return Rows{Listings: []Listing{{drugsIndex, fmt.Sprintf("%020d", e.Drug.PK)}}}
	}
	return Rows{}
}

// Catalog reads the catalogues.
type Catalog struct{ Views Reader }

// Tags lists the tags, the first pk first.
func (q Catalog) Tags(ctx context.Context, w Window) ([]catalog.Tag, int, error) {
	entries, total, err := q.page(ctx, tagsIndex, catalog.TagCategory, w)
	tags := make([]catalog.Tag, len(entries))
	for i, e := range entries {
		tags[i] = *e.Tag
	}
	return tags, total, err
}

// Drugs lists the drugs, the first pk first.
func (q Catalog) Drugs(ctx context.Context, w Window) ([]catalog.Drug, int, error) {
	entries, total, err := q.page(ctx, drugsIndex, catalog.DrugCategory, w)
	drugs := make([]catalog.Drug, len(entries))
	for i, e := range entries {
		drugs[i] = *e.Drug
	}
	return drugs, total, err
}

func (q Catalog) page(ctx context.Context, index, category string, w Window) ([]catalog.Entry, int, error) {
	page, err := q.Views.Page(ctx, index, w.oldest())
	if err != nil {
		return nil, 0, err
	}
	pks := make([]string, len(page.Members))
	for i, member := range page.Members {
		pks[i] = strings.TrimLeft(member, "0")
	}
	entries, err := getAll[catalog.Entry](ctx, q.Views, category, pks)
	return entries, page.Total, err
}
