"""Altinn Notifications as the bridge meets it: orders, what becomes of their e-mails and SMS, and the status feed.

    statuses, lives         what there is, and in which order it comes
    timeline, recipients    when it comes and what it is about
    stories                 one order and all that becomes of it, made again from its number whenever it is asked for
    ends                    the status feed: which order ended when, and under which number
    documents, problems     the bytes of the answers
    queries, faults         what was asked, and what goes wrong
    records, simulation     all of it as one object, without a network
    api, control            over HTTP

All but the last two are pure. Facts: the Altinn Notifications API's page "Get email notifications" of 8 Aug. 2024 and
its source code, Altinn/altinn-notifications.
"""
