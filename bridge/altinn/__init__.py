"""The source of Altinn Notifications: orders that are watched, and what becomes of their e-mails."""
