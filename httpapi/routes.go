package httpapi

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// route is one line of the table: the view's name as DRF would show it, where it is, who may call it, and
// what answers each method.
type route struct {
	name string
	path string
	who  audience
	on   methods
}

type methods map[string]func(*call) (reply, error)

// audience is who may call a route.
type audience int

const (
	anyone audience = iota
	users
	administrators
	auditors
	replayers // hospitals by their secret, and auditors
	platform  // who signs the raw body: it is not read as a client's would be
	importers // administrators whose body is read as it comes
)

// recorded joins an audience where patients' data is shown: each look of an operator is an event then. A hospital that
// replays its own events is no operator.
const recorded audience = 1 << 8

// split takes recorded off an audience.
func (a audience) split() (who audience, looks bool) { return a &^ recorded, a&recorded != 0 }

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// routes is the whole table. Where the document's cURL lines send GET for a change, GET is served and marked
// as deprecated.
func (a *API) routes() []route {
	return []route{
		{"Order Create", "/qaorder/order/create/", users, methods{post: (*call).createOrder}},
		{"Order Detail", "/qaorder/order/detail/:number/", users, methods{get: (*call).orderDetail}},
		{"Order Destroy", "/qaorder/order/destroy/:number/", users, methods{get: (*call).destroyOrder, remove: (*call).destroyOrder}},
		{"Order List", "/qaorder/order/:position/list/", users, methods{get: (*call).listOrders}},
		{"Order Newone", "/qaorder/order/:position/newone/", users, methods{get: (*call).newestOrder}},
		{"Order Qa List", "/qaorder/order/:position/list/qa/", users, methods{get: (*call).listOpenOrders}},
		{"Order Cancel", "/qaorder/order/cancel/:number/", users, methods{put: (*call).cancelOrder, get: deprecated((*call).cancelOrder)}},
		{"Order Finish", "/qaorder/order/finish/:number/", users, methods{put: (*call).finishOrder, get: deprecated((*call).finishOrder)}},
		{"Order Filter", "/qaorder/order/filter/", users, methods{get: deprecated((*call).filterOrders)}},
		{"Order Evaluate", "/qaorder/order/evaluate/:number/", users, methods{put: (*call).evaluateOrder}},
		{"Order Pay", "/qaorder/order/pay/:number/", users, methods{patch: (*call).payOrder}},
		{"Order Refund", "/qaorder/order/refund/:number/", users, methods{put: (*call).refundOrder}},
		{"Doctor Evaluations", "/qaorder/user/:username/", users, methods{get: (*call).listEvaluations}},
		{"Inquiry Record", "/qaorder/patient/inquiry/record/:pk/", users, methods{get: (*call).listRecords}},
		{"Pay Notify", NotifyPath, platform, methods{post: (*call).notify}},
		{"Question Create", "/qaorder/question/create/", users, methods{post: (*call).askQuestion}},
		{"Answer Create", "/qaorder/answer/create/", users, methods{post: (*call).answerQuestion}},
		{"Tag Create", "/qaorder/tag/create/", users, methods{post: (*call).createTag}},
		{"Tag List", "/qaorder/tag/list/", users, methods{get: (*call).listTags}},
		{"Drug Create", "/qaorder/drug/create/", users, methods{post: (*call).createDrug}},
		{"Drug List", "/qaorder/drug/list/", users, methods{get: (*call).listDrugs}},
		{"Wallet Statement", "/wallet/statement/", users, methods{get: (*call).walletStatement}},
		{"User Login", "/user/login/", anyone, methods{post: (*call).login}},

		{"Hospital Order Create", "/hospital/order/create/", users, methods{post: (*call).createHospitalOrder}},
		{"Hospital Order Detail", "/hospital/order/detail/:number/", users, methods{get: (*call).hospitalOrderDetail}},
		{"Hospital Order List", "/hospital/order/list/", users, methods{get: (*call).listHospitalOrders}},
		{"Hospital Order Pay", "/hospital/order/pay/:number/", users, methods{patch: (*call).payHospitalOrder}},
		{"Hospital Order Cancel", "/hospital/order/cancel/:number/", users, methods{put: (*call).cancelHospitalOrder}},

		{"Admin Users", "/admin/users/", administrators | recorded, methods{get: (*call).adminListUsers, post: (*call).adminCreateUser}},
		{"Admin User", "/admin/users/:username/", administrators | recorded, methods{get: (*call).adminUser, patch: (*call).adminChangeUser}},
		{"Admin Privacy", "/admin/users/:username/privacy/", administrators | recorded, methods{get: (*call).adminPrivacy, put: (*call).adminChangePrivacy}},
		{"Admin Top Up", "/admin/users/:username/topup/", administrators | recorded, methods{post: (*call).adminTopUp}},

		{"Admin Parked", "/admin/parked/", administrators | recorded, methods{get: (*call).adminListParked}},
		{"Admin Parked Retry", "/admin/parked/:refund/retry/", administrators | recorded, methods{post: (*call).adminRetryParked}},
		{"Admin Parked Give Up", "/admin/parked/:refund/give-up/", administrators | recorded, methods{post: (*call).adminGiveUpParked}},

		{"Admin Hospitals", "/admin/hospitals/", administrators, methods{get: (*call).adminListHospitals, post: (*call).adminCreateHospital}},
		{"Admin Hospital", "/admin/hospitals/:code/", administrators, methods{get: (*call).adminHospital, patch: (*call).adminChangeHospital}},
		{"Admin Cards", "/admin/hospitals/:code/cards/", administrators | recorded, methods{get: (*call).adminListCards, post: (*call).adminBindCard}},
		{"Admin Card", "/admin/hospitals/:code/cards/:type/*", administrators, methods{remove: (*call).adminReleaseCard}},
		{"Admin Deliveries", "/admin/hospitals/:code/deliveries/", administrators, methods{get: (*call).adminDeliveries}},
		{"Admin Redeliver", "/admin/hospitals/:code/deliveries/redeliver/", administrators, methods{post: (*call).adminRedeliver}},
		{"Admin Import", "/admin/hospital-orders/import", importers, methods{post: (*call).importHospitalOrders}},
		{"Admin Messages", "/admin/messages/", administrators | recorded, methods{get: (*call).listMessages}},
		{"Admin Message Retry", "/admin/messages/:id/retry/", administrators | recorded, methods{post: (*call).adminRetryMessage}},
		{"Admin Backup", "/admin/backup/", administrators | recorded, methods{get: (*call).adminBackup}},
		{"Admin Rebuild", "/admin/rebuild/", administrators, methods{get: (*call).adminRebuildProgress, post: (*call).adminRebuild}},

		{"Audit Checkpoint", "/audit/checkpoint/", auditors, methods{get: (*call).auditCheckpoint}},
		{"Audit Key", "/audit/key/", auditors, methods{get: (*call).auditKey}},
		{"Audit Consistency", "/audit/consistency/", auditors, methods{get: (*call).auditConsistency}},
		{"Audit Orders", "/audit/orders/", auditors | recorded, methods{get: (*call).auditOrders}},
		{"Audit History", "/audit/orders/:number/history/", auditors | recorded, methods{get: (*call).auditHistory}},
		{"Audit Bundle", "/audit/orders/:number/bundle/", auditors | recorded, methods{get: (*call).auditBundle}},
		{"Replay Events", "/replay/events", replayers | recorded, methods{get: (*call).replayEvents}},
		{"Audit Trades", "/audit/hospitals/:code/trades/", auditors | recorded, methods{get: (*call).auditTrades}},
		{"Audit Messages", "/audit/messages/", auditors | recorded, methods{get: (*call).listMessages}},
		{"Schemas", SchemaPath + "*", anyone, methods{get: (*call).schema}},

		{"Livez", "/livez", anyone, methods{get: (*call).livez}},
		{"Readyz", "/readyz", anyone, methods{get: (*call).readyz}},
		{"Metrics", "/metrics", anyone, methods{get: (*call).metrics}},
	}
}

// OpenPath is where the hospital open interface is; all it does is in package xmlapi.
const OpenPath = "/open"

// NotifyPath is where the payment platform sends its notices.
const NotifyPath = "/qaorder/pay/notify/"

// deprecated serves what the document's cURL line does by another method than its table.
func deprecated(handle func(*call) (reply, error)) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		c.echo.Response().Header().Set("Deprecation", "true")
		return handle(c)
	}
}

// bareOf is a slashed path without its slash.
func bareOf(path string) (bare string, slashed bool) { return strings.CutSuffix(path, "/") }

// redirect serves a path whose trailing slash was forgotten: what reads is sent to the slashed one
// (Django's APPEND_SLASH), what changes something is served at once, for a client would not send it again.
func redirect(serve echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return serve(c)
		}
		to := r.URL.EscapedPath() + "/"
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		return c.Redirect(http.StatusMovedPermanently, to)
	}
}
