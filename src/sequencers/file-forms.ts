/**
 * The columns of files, as each sequencer's import wants them, in their order. Of a name that has no place of its own
 * among them the whole is written.
 */
import type { MailboxAccount } from './driver.ts'
import type { PlatformName } from './platforms.ts'
import { sequencerPolicy } from './policy.ts'

type Column = {
  value: (account: MailboxAccount) => string | number | null
  /** What people call themselves, which a spreadsheet might take for a formula. */
  isName?: true
}

export type FileForm = Readonly<Record<string, Column>>

const address: Column = { value: (account) => account.address }
const password: Column = { value: (account) => account.password }
const displayName: Column = { value: (account) => account.displayName, isName: true }
const firstName: Column = { value: (account) => account.firstName, isName: true }
const lastName: Column = { value: (account) => account.lastName, isName: true }
const imapHost: Column = { value: ({ imap }) => imap.host }
const imapPort: Column = { value: ({ imap }) => imap.port }
const smtpHost: Column = { value: ({ smtp }) => smtp.host }
const smtpPort: Column = { value: ({ smtp }) => smtp.port }
const dailyLimit: Column = { value: (account) => account.dailyLimit }
const none: Column = { value: () => null }

/** @param how its words for yes and no. */
function warmup(how: readonly [yes: string, no: string]): Column {
  return { value: ({ warmup: wanted }) => (wanted === null ? null : wanted ? how[0] : how[1]) }
}

/** Whether the session is encrypted from its first byte. */
function isImplicit(side: 'imap' | 'smtp'): Column {
  return { value: ({ [side]: server }) => (server.security === 'tls' ? 'TRUE' : 'FALSE') }
}

export const genericForm: FileForm = {
  email: address,
  first_name: firstName,
  last_name: lastName,
  display_name: displayName,
  smtp_host: smtpHost,
  smtp_port: smtpPort,
  smtp_security: { value: ({ smtp }) => smtp.security },
  smtp_username: address,
  smtp_password: password,
  imap_host: imapHost,
  imap_port: imapPort,
  imap_security: { value: ({ imap }) => imap.security },
  imap_username: address,
  imap_password: password,
  daily_limit: dailyLimit,
  warmup_enabled: warmup(['true', 'false']),
}

/** Those that have a form of their own. */
export const fileForms: Readonly<Partial<Record<PlatformName, FileForm>>> = {
  instantly: {
    Email: address,
    'First Name': firstName,
    'Last Name': lastName,
    'IMAP Username': address,
    'IMAP Password': password,
    'IMAP Host': imapHost,
    'IMAP Port': imapPort,
    'SMTP Username': address,
    'SMTP Password': password,
    'SMTP Host': smtpHost,
    'SMTP Port': smtpPort,
    'Daily Limit': dailyLimit,
    'Warmup Enabled': warmup(['TRUE', 'FALSE']),
    'Warmup Limit': none,
    'Warmup Increment': none,
  },
  smartlead: {
    from_name: displayName,
    from_email: address,
    user_name: address,
    password,
    smtp_host: smtpHost,
    smtp_port: smtpPort,
    imap_host: imapHost,
    imap_port: imapPort,
    max_email_per_day: dailyLimit,
    custom_tracking_url: none,
    warmup_enabled: warmup(['TRUE', 'FALSE']),
    total_warmup_per_day: none,
    daily_rampup: none,
    reply_rate_percentage: none,
    bcc: none,
    signature: none,
    different_reply_to_address: none,
    imap_user_name: address,
    imap_password: password,
  },
  emailbison: {
    Name: displayName,
    Email: address,
    Password: password,
    'IMAP Server': imapHost,
    'IMAP Port': imapPort,
    'SMTP Server': smtpHost,
    'SMTP Port': smtpPort,
    'Daily Limit': dailyLimit,
    'SMTP Secure': isImplicit('smtp'),
    'IMAP Secure': isImplicit('imap'),
  },
  salesforge: {
    address,
    firstName,
    lastName,
    imapHost,
    imapUsername: address,
    imapPassword: password,
    imapPort,
    smtpHost,
    smtpUsername: address,
    smtpPassword: password,
    smtpPort,
    Signature: none,
    trackingDomain: none,
  },
}

/** What a sequencer takes in one file, where it takes less than usual. */
const rowLimits: Readonly<Partial<Record<PlatformName, number>>> = { snov: 100 }

export function rowsPerFile(platform: PlatformName): number {
  return rowLimits[platform] ?? sequencerPolicy.rowsPerFile
}
