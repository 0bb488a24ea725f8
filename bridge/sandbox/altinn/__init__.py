"""Altinn Notifications as the bridge meets it: orders, what becomes of their e-mails and SMS, and the status feed.

    statuses, lives         what there is, and in which order it comes
    tempo, timeline         after how long it comes, and when
    stories, recipients     one order and all that becomes of it
    teller, shelf           stories told from a number again and again, and those that are at hand
    ends, orders            which order ended when, hence the status feed; all orders
    documents, problems     the bytes of the answers
    queries, faults         what was asked, and what goes wrong
    records, reports        what a test or an onlooker is told
    simulation              all of it as one object, without a network
    api, control            over HTTP

All but the last two are pure. Facts: the Altinn Notifications API's page "Get email notifications" of 8 Aug. 2024 and
its source code, Altinn/altinn-notifications.
"""
