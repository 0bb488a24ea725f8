"""The words of the two APIs, to the letter."""

import pytest

from bridge.sandbox.altinn.statuses import (
    EMAIL_DESCRIPTIONS,
    Channel,
    OrderStatus,
    description,
    is_pending,
    is_success,
    order_in_v2,
    shown_in_v1,
    shown_in_v2,
)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("New", "The email has been created, but has not been picked up for processing yet."),
        ("Sending", "The email is being processed and will be attempted sent shortly."),
        ("Succeeded", "The email has been accepted by the third party email service and will be sent shortly."),
        (
            "Delivered",
            (
                "The email was delivered to the recipient. No errors reported, making it likely it was received by the "
                "recipient."
            ),
        ),
        ("Failed", "The email was not sent due to an unspecified failure."),
        (
            "Failed_RecipientReserved",
            "The email was not sent because the recipient has reserved themselves from electronic communication.",
        ),
        (
            "Failed_RecipientNotIdentified",
            "The email was not sent because the recipient's email address was not found.",
        ),
        (
            "Failed_InvalidEmailFormat",
            ("The email was not sent because the recipient\u2019s email address is in an invalid format."),
        ),
        (
            "Failed_SupressedRecipient",
            (
                "The email was not sent because the recipient\u2019s email address is suppressed "
                "by the third party email service."
            ),
        ),
        (
            "Failed_TransientError",
            "The email was not sent due to a transient error. We will retry sending the email.",
        ),
        (
            "Failed_Bounced",
            (
                "The email hard bounced, which may have happened because the email address does not exist or the "
                "domain is invalid."
            ),
        ),
        (
            "Failed_FilteredSpam",
            "The email was identified as spam, and was rejected or blocked (not quarantined).",
        ),
        ("Failed_Quarantined", "The email was quarantined (as spam, bulk mail, or phising)."),
        (
            "Failed_TTL",
            "The email was in indefinite state Succeeded for too long (TTL), and was subsequently set to failed.",
        ),
        (
            "Failed_InvalidSasUrl",
            "The email was not sent because one or more attachment SAS URLs are invalid, expired, or inaccessible.",
        ),
        (
            "Failed_PayloadTooLarge",
            "The email was not sent because the total size of the attachments exceeds the allowed limit.",
        ),
    ],
)
def test_each_status_has_altinns_own_sentence(status: str, sentence: str) -> None:
    assert description(status) == sentence


def test_there_are_16_of_them() -> None:
    assert len(EMAIL_DESCRIPTIONS) == 16


def test_the_time_out_is_a_plain_failure_in_the_older_api_and_has_its_name_in_the_newer_one() -> None:
    assert shown_in_v1("Failed_TTL") == "Failed"
    assert shown_in_v2(Channel.EMAIL, "Failed_TTL") == "Email_Failed_TTL"


@pytest.mark.parametrize(
    ("status", "newer"),
    [
        ("Failed_InvalidEmailFormat", "Email_Failed_InvalidFormat"),
        ("Failed_SupressedRecipient", "Email_Failed_SuppressedRecipient"),
        ("Failed_InvalidSasUrl", "Email_Failed_InvalidSasUrl"),
        ("Delivered", "Email_Delivered"),
        ("Paused", "Email_Paused"),
    ],
)
def test_two_statuses_are_spelt_differently_in_the_newer_api(status: str, newer: str) -> None:
    assert shown_in_v2(Channel.EMAIL, status) == newer


def test_sms_and_orders_have_their_own_prefixes() -> None:
    assert shown_in_v2(Channel.SMS, "Failed_BarredReceiver") == "SMS_Failed_BarredReceiver"
    assert order_in_v2(OrderStatus.CONDITION_NOT_MET) == "Order_SendConditionNotMet"


def test_succeeded_counts_as_a_success_and_is_still_pending() -> None:
    assert [status for status in EMAIL_DESCRIPTIONS if is_success(status)] == ["Succeeded", "Delivered"]
    pending = [status for status in EMAIL_DESCRIPTIONS if is_pending(status)]
    assert pending == ["New", "Sending", "Succeeded", "Failed_TransientError"]
