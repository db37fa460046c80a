"""A hospital system that has zeep make its client of the WSDL: generated.py URL ENCODING REFUND ORDER."""
import sys

import zeep


def call(client, method, params):
    fields = "".join("<%s>%s</%s>" % (name, value, name) for name, value in params)
    return client.service.invoke(arg0={"responseType": "0", "methodCode": method, "methodParams": fields})


def text(elements, name):
    """What an element among others says; zeep gives an element of any type as the list of those in it."""
    return next((e.text for e in elements if e.tag == name and e.text), "-")


def main():
    url, _, refund, order = sys.argv[1:]
    client = zeep.Client(url + "?wsdl")
    secret = ("secret", "xxxxxxx")
    reply = call(client, "refundGeneral", [
        secret, ("refundType", "2"), ("orderNo", order), ("hisRefundOrderNo", refund), ("refundAmout", "100"),
        ("refundTime", "2026-01-16 09:00:00"), ("refundReason", "患者退费"), ("partialOrAllrefund", "2"), ("pushMsg", "2")])
    print("refund", reply.resultCode, text(reply.result, "refundOrderNo"))
    reply = call(client, "ordersQuery", [
        secret, ("orderMode", "0"), ("regMode", "0"), ("tradeMode", "0"),
        ("startTime", "2026-01-15 00:00:00"), ("endTime", "2026-01-15 23:59:59")])
    print("query", reply.resultCode)
    for item in reply.result:
        print("row", *(text(item, name) for name in ("tradeType", "orderNo", "refundOrderNo", "hisRefundOrderNo", "refundTotalFee")))


main()
