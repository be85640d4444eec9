/** The sequencers that mailboxes go to: how each takes them, and what a connection to it is told. */
import type { CallLimits } from './driver.ts'

export const platformNames = [
  'instantly',
  'smartlead',
  'emailbison',
  'plusvibe',
  'woodpecker',
  'saleshandy',
  'lemlist',
  'reply',
  'snov',
  'reachinbox',
  'quickmail',
  'salesforge',
  'emelia',
  'warmy',
  'master_inbox',
  'firstquadrant',
  'superagi',
  'luella',
  'saile',
  'manual',
] as const
export type PlatformName = (typeof platformNames)[number]

/** What is no secret, as callers give it, it is kept, and it is shown. */
export type SequencerSettings = {
  /** Where its API is; for platforms that have an address for every customer, and for those who have a gateway. */
  base_url?: string
  /** Of the account there, on platforms that have several in one. */
  workspace_id?: string
  /** In place of the platform's own limit, on a larger or smaller plan. */
  calls_per_minute?: number
  /** Messages a day that it may send from each mailbox. */
  daily_limit?: number
  warmup?: boolean
  /** Whether what is taken away there, or cannot be used there any more, is pushed again by itself. Default: no. */
  auto_reconnect?: boolean
  /** Whether the account of a mailbox that is suspended or deleted here is taken away there. Default: it is left. */
  remove_inactive?: boolean
}

export type SequencerPlatform = {
  /** Its name for people. */
  title: string
  /** api: there is a driver. file: it takes mailboxes as a file only. */
  method: 'api' | 'file'
  /** Where its API is; null: only the connection knows. */
  baseUrl: string | null
  /** What a connection must be told besides its key. */
  needs: readonly (keyof SequencerSettings)[]
  limits: CallLimits
  /** Mailboxes in one call that adds. */
  addMax: number
  /** An account that does not show itself after so long is not confirmed. */
  confirmMsMax: number
  /** Calls that add which may be under way at the same time; 4, as each of them tries to log in to the mailbox. */
  addsAtOnce?: number
  /** How long an account that was added may take to be found; 30 s. Until then it is not added again. */
  appearsMsMax?: number
}

const minute = 60_000

const fileOnly = {
  method: 'file',
  baseUrl: null,
  needs: [],
  limits: { perMinute: 60, spacingMs: 0, addSpacingMs: 0 },
  addMax: 1,
  confirmMsMax: 0,
} as const

/** Limits as each platform documents them, or lower where people met lower ones. */
export const sequencerPlatforms: Readonly<Record<PlatformName, SequencerPlatform>> = {
  instantly: {
    title: 'Instantly',
    method: 'api',
    baseUrl: 'https://api.instantly.ai',
    needs: [],
    limits: { perMinute: 6000, spacingMs: 10, addSpacingMs: 10 },
    addMax: 1,
    confirmMsMax: 30 * minute,
  },
  smartlead: {
    title: 'Smartlead',
    method: 'api',
    baseUrl: 'https://server.smartlead.ai/api/v1',
    needs: [],
    limits: { perMinute: 60, spacingMs: 200, addSpacingMs: 200 },
    addMax: 1,
    confirmMsMax: 30 * minute,
  },
  emailbison: {
    title: 'EmailBison',
    method: 'api',
    baseUrl: null,
    needs: ['base_url'],
    limits: { perMinute: 120, spacingMs: 0, addSpacingMs: 1500 },
    addMax: 1,
    confirmMsMax: 30 * minute,
    addsAtOnce: 1, // it stumbles over two at a time
  },
  plusvibe: {
    title: 'PlusVibe',
    method: 'api',
    baseUrl: 'https://api.plusvibe.ai/api/v1',
    needs: ['workspace_id'],
    limits: { perMinute: 300, spacingMs: 200, addSpacingMs: 200 },
    addMax: 50,
    confirmMsMax: 60 * minute,
    appearsMsMax: 10 * minute,
  },
  woodpecker: {
    title: 'Woodpecker',
    method: 'api',
    baseUrl: 'https://api.woodpecker.co/rest',
    needs: [],
    limits: { perMinute: 100, spacingMs: 0, addSpacingMs: 0 },
    addMax: 200,
    confirmMsMax: 60 * minute,
    appearsMsMax: 10 * minute,
  },
  saleshandy: {
    title: 'Saleshandy',
    method: 'api',
    baseUrl: 'https://open-api.saleshandy.com',
    needs: [],
    limits: { perMinute: 60, spacingMs: 0, addSpacingMs: 0 },
    addMax: 1,
    confirmMsMax: 60 * minute,
  },
  lemlist: {
    title: 'lemlist',
    method: 'api',
    baseUrl: 'https://api.lemlist.com/api',
    needs: [],
    limits: { perMinute: 600, spacingMs: 100, addSpacingMs: 100 },
    addMax: 1,
    confirmMsMax: 30 * minute,
  },
  reply: {
    title: 'Reply.io',
    method: 'api',
    baseUrl: 'https://api.reply.io',
    needs: [],
    limits: { perMinute: 60, spacingMs: 0, addSpacingMs: 0 },
    addMax: 1,
    confirmMsMax: 30 * minute,
  },
  snov: { ...fileOnly, title: 'Snov.io' },
  reachinbox: { ...fileOnly, title: 'ReachInbox' },
  quickmail: { ...fileOnly, title: 'QuickMail' },
  salesforge: { ...fileOnly, title: 'Salesforge' },
  emelia: { ...fileOnly, title: 'Emelia' },
  warmy: { ...fileOnly, title: 'Warmy' },
  master_inbox: { ...fileOnly, title: 'Master Inbox' },
  firstquadrant: { ...fileOnly, title: 'FirstQuadrant' },
  superagi: { ...fileOnly, title: 'SuperAGI' },
  luella: { ...fileOnly, title: 'Luella' },
  saile: { ...fileOnly, title: 'Saile' },
  manual: { ...fileOnly, title: 'A file for any program' },
}
