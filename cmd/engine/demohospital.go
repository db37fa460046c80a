package engine

import (
	"context"
	"fmt"

	"orderengine/domain/card"
	"orderengine/domain/institution"
	"orderengine/domain/link"
	"orderengine/domain/message"
)

// The documents' hospital, with the secret of their samples.
const (
	demoHospital = "H001"
	demoSecret   = "xxxxxxx"
	demoCard     = "123456789" // patient1's 诊疗卡
)

var (
	demoHospitalName = "阳光医院"
	demoBranches     = []institution.Branch{{Code: "B01", Name: "阳光医院总院"}}
	demoTemplates    = map[string]string{
		message.Waiting: "{patName}您好，您在{hospitalName}{deptName}{doctorName}的就诊号是{serialNum}，前方还有{currentNum}人，请到{visitLocation}候诊。",
		message.Unpaid:  "{patName}您好，您在{hospitalName}有一笔{payType}待缴费，金额{payAmout}元。",
	}
)

// demoInstitution makes the documents' hospital and a card of its.
func (e *Engine) demoInstitution(ctx context.Context) error {
	call := e.demoCall("admin", "hospital")
	hash := institution.HashSecret(demoSecret)
	if _, err := e.api.Secrets.Execute(ctx, hash, e.demoCall("admin", "hospital/link"), link.Command{To: demoHospital}); err != nil {
		return fmt.Errorf("hospital %s: %w", demoHospital, err)
	}
	for i, command := range []institution.Command{
		institution.Register{Code: demoHospital, Name: demoHospitalName, At: call.At},
		institution.Change{Branches: &demoBranches, Templates: demoTemplates, At: call.At},
		institution.SetSecret{Hash: hash, At: call.At},
	} {
		if _, err := e.api.Hospitals.Execute(ctx, demoHospital, e.demoCall("admin", fmt.Sprintf("hospital/%d", i)), command); err != nil {
			return fmt.Errorf("hospital %s: %w", demoHospital, err)
		}
	}
	bound := card.Card{Hospital: demoHospital, Type: card.Diagnosis, Number: demoCard, Patient: "patient1", At: call.At}
	id := card.ID(bound.Hospital, bound.Type, bound.Number)
	if _, err := e.api.Cards.Execute(ctx, id, e.demoCall("admin", "card"), card.Bind{Card: bound}); err != nil {
		return fmt.Errorf("card %s: %w", demoCard, err)
	}
	return nil
}
