/** The tables and events of two-factor authentication of mailboxes. */
import type { Generated } from 'kysely'

export type MailboxTotpTable = {
  mailbox_id: string
  workspace_id: string
  /** The shared secret, sealed. */
  sealed_private_key: Buffer
  key_id: string
  /** Null: enrolled, and no code was shown yet. From then on the primary password does not log in to mail protocols. */
  enabled_at: Date | null
  /** The time step of the last code that was taken: no code is taken twice. */
  last_step: number | null
  /** Wrong codes in a row. */
  failures: Generated<number>
  /** Until when no code is looked at. */
  paused_until: Generated<Date | null>
  /** When an app password, which is what programs log in with, last came, changed or went. */
  app_passwords_changed_at: Generated<Date | null>
  created_at: Date
}

export type MailboxRecoveryCodesTable = {
  mailbox_id: string
  digest: Buffer
  used_at: Date | null
}

declare module '../platform/database.ts' {
  interface Tables {
    mailbox_totp: MailboxTotpTable
    mailbox_recovery_codes: MailboxRecoveryCodesTable
  }
}

type TotpEvent = { mailbox_id: string; address: string }

declare module '../platform/events.ts' {
  interface EventTypes {
    'mailbox.totp_enrolled': TotpEvent
    'mailbox.totp_enabled': TotpEvent
    'mailbox.totp_disabled': TotpEvent & { was_enabled: boolean }
    /** So many wrong codes came in a row that none is looked at until then. */
    'mailbox.totp_paused': TotpEvent & { until: string }
    'mailbox.totp_code_viewed': TotpEvent & { by: string }
    'mailbox.recovery_codes_renewed': TotpEvent
    'mailbox.recovery_code_used': TotpEvent & { left: number }
  }
}
