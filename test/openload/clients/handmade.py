"""A hospital system that builds SOAP from strings, in the encoding it likes: handmade.py URL ENCODING REFUND ORDER."""
import re
import sys
import urllib.error
import urllib.request


def call(url, encoding, method, params):
    fields = "".join("<%s>%s</%s>" % (name, value, name) for name, value in params)
    body = (
        '<?xml version="1.0" encoding="%s"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ser="http://service.his/">'
        "<soapenv:Header/><soapenv:Body><ser:invoke><arg0>"
        "<responseType>0</responseType><methodCode>%s</methodCode>"
        "<methodParams><![CDATA[%s]]></methodParams>"
        "</arg0></ser:invoke></soapenv:Body></soapenv:Envelope>" % (encoding, method, fields)
    ).encode(encoding)
    headers = {"Content-Type": "text/xml; charset=" + encoding, "SOAPAction": '""'}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as reply:
        return reply.read().decode(encoding)


def between(text, tag):
    found = re.search("<%s>(.*?)</%s>" % (tag, tag), text, re.S)
    return found.group(1) if found else ""


def main():
    url, encoding, refund, order = sys.argv[1:]
    secret = ("secret", "xxxxxxx")
    reply = call(url, encoding, "refundGeneral", [
        secret, ("refundType", "2"), ("orderNo", order), ("hisRefundOrderNo", refund), ("refundAmout", "100"),
        ("refundTime", "2026-01-16 09:00:00"), ("refundReason", "患者退费"), ("partialOrAllrefund", "2"), ("pushMsg", "2")])
    print("refund", between(reply, "resultCode"), between(reply, "refundOrderNo"))
    reply = call(url, encoding, "ordersQuery", [
        secret, ("orderMode", "0"), ("regMode", "0"), ("tradeMode", "0"),
        ("startTime", "2026-01-15 00:00:00"), ("endTime", "2026-01-15 23:59:59")])
    print("query", between(reply, "resultCode"))
    for item in re.findall("<item>(.*?)</item>", reply, re.S):
        print("row", *(between(item, name) or "-" for name in ("tradeType", "orderNo", "refundOrderNo", "hisRefundOrderNo", "refundTotalFee")))


main()
