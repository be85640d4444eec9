/** `mailwright queue`: the outbound queue for whoever runs the server, also while it runs. */
import {
  cancelOutbound,
  getOutbound,
  holdOutbound,
  listOutbound,
  type OutboundDetail,
  type OutboundEntry,
  type OutboundFilter,
  outboundIds,
  releaseOutbound,
  retryOutbound,
} from '../../delivery/outbound/control.ts'
import type { OutboundState } from '../../delivery/outbound/tables.ts'
import { getAnyMailbox } from '../../mailboxes/mailboxes.ts'
import { openPlatform } from '../../open-platform.ts'
import type { Config } from '../../platform/config.ts'
import { transaction } from '../../platform/database.ts'
import { pageLimitMax } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { ageOf, oneLine, tableOf } from './table.ts'
import type { QueueAction } from './words.ts'

/** Where a command writes, and how it asks: for tests. */
export type Terminal = {
  write(text: string): void
  /** @returns whether the answer was yes. */
  confirm(question: string): Promise<boolean>
}

export type QueueFilter = { state?: OutboundState; domain?: string; mailbox?: string }

/** Prints what waits (or what `state` names), the oldest first. */
export async function queueList(
  config: Config,
  { limit, json, ...wanted }: QueueFilter & { limit: number; json?: boolean },
  terminal: Terminal,
): Promise<void> {
  await using opened = await openPlatform(config, { attach: true })
  const { platform } = opened
  const rows: OutboundEntry[] = []
  let more = false
  for (const state of wanted.state === undefined ? waiting : [wanted.state]) {
    const found = await firstEntries(
      platform,
      await toFilter(platform, { ...wanted, state }),
      limit - rows.length,
    )
    rows.push(...found.rows)
    more ||= found.more
  }
  if (json) {
    for (const row of rows) terminal.write(`${JSON.stringify(row)}\n`)
    return
  }
  const now = platform.clock.now()
  if (rows.length > 0)
    terminal.write(
      tableOf(
        listColumns,
        rows.map((row) => listRow(row, now)),
      ),
    )
  const count = rows.length === 1 ? '1 recipient' : `${rows.length} recipients`
  terminal.write(more ? `The first ${count}; --limit shows more.\n` : `${count}.\n`)
}

/** What is not finished. */
const waiting = ['sending', 'queued', 'held'] as const

async function firstEntries(
  platform: Platform,
  filter: OutboundFilter,
  limit: number,
): Promise<{ rows: OutboundEntry[]; more: boolean }> {
  const rows: OutboundEntry[] = []
  for (let after: string | null = null; ; ) {
    const left = limit - rows.length
    const page = await listOutbound(platform, null, filter, {
      limit: Math.min(left + 1, pageLimitMax),
      after,
    })
    rows.push(...page.rows)
    if (rows.length > limit) return { rows: rows.slice(0, limit), more: true }
    if (page.nextCursor === null) return { rows, more: false }
    after = rows.at(-1)?.id ?? null
  }
}

const listColumns = [
  { title: 'ID', width: 36 },
  { title: 'STATE', width: 9 },
  { title: 'AGE', width: 4 },
  { title: 'TRIES', width: 5 },
  { title: 'NEXT', width: 4 },
  { title: 'TO', width: 0 },
]

function listRow(row: OutboundEntry, now: Date): string[] {
  const next = row.state === 'queued' ? ageOf(now, row.next_attempt_at) : ''
  return [row.id, row.state, ageOf(row.created_at, now), String(row.attempts), next, row.rcpt_to]
}

/** Prints a message with every recipient's timeline. @throws when there is none of that id. */
export async function queueShow(
  config: Config,
  id: string,
  { json }: { json?: boolean },
  terminal: Terminal,
): Promise<void> {
  await using opened = await openPlatform(config, { attach: true })
  const detail = await getOutbound(opened.platform, null, id)
  if (detail === null) throw new Error(`there is no message and no recipient ${id} in the queue`)
  terminal.write(json ? `${JSON.stringify(detail, null, 2)}\n` : textOf(detail))
}

function textOf({ message, recipients }: OutboundDetail): string {
  const head = [
    `Message     ${message.id}`,
    `From        ${message.mail_from === '' ? '<> (a report)' : message.mail_from}`,
    `Message-ID  ${message.message_id ?? '-'}`,
    `Kind, size  ${message.kind}, ${message.size_bytes} bytes`,
    `Queued      ${message.created_at.toISOString()}`,
  ]
  const each = recipients.flatMap((recipient) => [
    '',
    `Recipient   ${recipient.id}`,
    `To          ${recipient.rcpt_to}`,
    `State       ${recipient.state}${recipient.held_reason === null ? '' : ` (${recipient.held_reason})`}`,
    ...(recipient.state === 'queued' ? [`Next try    ${recipient.next_attempt_at.toISOString()}`] : []),
    ...recipient.timeline.map(stepLine),
  ])
  return [...head, ...each].map((line) => `${oneLine(line)}\n`).join('')
}

function stepLine({ step, at, detail }: OutboundDetail['recipients'][number]['timeline'][number]): string {
  const { host, address, tls, policy, reply, until, reason, by } = detail
  const said = [
    host && (address ? `${host} [${address}]` : host),
    tls && `${tls.version} ${tls.cipher}`,
    policy,
    reply && `"${reply}"`,
    detail.class && `(${detail.class})`,
    until && `again ${until}`,
    by && `by ${by}`,
    reason && `because ${reason}`,
  ]
  return `  ${at.toISOString()} ${step} ${said.filter(Boolean).join(', ')}`.trimEnd()
}

const actions = {
  retry: { run: retryOutbound, states: ['queued'], verb: 'Retry', done: 'tried again now' },
  hold: { run: holdOutbound, states: ['queued'], verb: 'Hold', done: 'held' },
  release: { run: releaseOutbound, states: ['held'], verb: 'Release', done: 'released' },
  drop: {
    run: cancelOutbound,
    states: ['queued', 'held'],
    verb: 'Drop',
    done: 'dropped; nobody is notified',
  },
} as const satisfies Record<QueueAction, { states: readonly OutboundState[]; [key: string]: unknown }>

/** Exactly one of: an id, `domain` and/or `mailbox`, or `all`. */
export type QueueTarget = {
  id?: string
  domain?: string
  mailbox?: string
  all?: boolean
  yes?: boolean
  reason?: string
}

const actedMax = 1_000_000
const actedPerTransaction = 500
const actor = 'command line'

/** Does something with one recipient, or with all that are meant, after asking. */
export async function queueAct(
  config: Config,
  action: QueueAction,
  target: QueueTarget,
  terminal: Terminal,
): Promise<void> {
  requireOneTarget(target)
  await using opened = await openPlatform(config, { attach: true })
  const { platform } = opened
  const { run, states, verb, done } = actions[action]
  const ids = await idsOf(platform, states, target)
  if (ids.length === 0) return terminal.write(`There is nothing to ${action}.\n`)
  const count = ids.length === 1 ? '1 recipient' : `${ids.length} recipients`
  const mustAsk = target.id === undefined && !target.yes
  if (mustAsk && !(await terminal.confirm(`${verb} ${count}?`))) return terminal.write('Nothing was done.\n')
  let changed = 0
  for (let at = 0; at < ids.length; at += actedPerTransaction) {
    const some = ids.slice(at, at + actedPerTransaction)
    changed += await transaction(platform.db, (tx) => run(platform, tx, null, some, actor, target.reason))
  }
  terminal.write(`${changed} of ${count} ${changed === 1 ? 'is' : 'are'} ${done}.\n`)
}

function requireOneTarget({ id, domain, mailbox, all }: QueueTarget): void {
  const ways = [id !== undefined, domain !== undefined || mailbox !== undefined, all === true]
  if (ways.filter(Boolean).length === 1) return
  throw new Error('name what is meant: an ID, or --domain and/or --mailbox, or --all')
}

async function idsOf(
  platform: Platform,
  states: readonly OutboundState[],
  target: QueueTarget,
): Promise<string[]> {
  if (target.id !== undefined) {
    const detail = await getOutbound(platform, null, target.id)
    if (detail === null) throw new Error(`there is no message and no recipient ${target.id} in the queue`)
    const { id, recipients } = { id: target.id.toLowerCase(), ...detail }
    const meant = detail.message.id === id ? recipients : recipients.filter((one) => one.id === id)
    return meant.filter(({ state }) => states.includes(state)).map((one) => one.id)
  }
  const ids: string[] = []
  for (const state of states) {
    const filter = await toFilter(platform, { ...target, state })
    ids.push(...(await outboundIds(platform.db, null, filter, actedMax - ids.length)))
  }
  return ids
}

async function toFilter(
  platform: Platform,
  { state, domain, mailbox }: QueueFilter,
): Promise<OutboundFilter> {
  return {
    ...(state === undefined ? {} : { state }),
    ...(domain === undefined ? {} : { domain }),
    ...(mailbox === undefined ? {} : { mailboxId: (await getAnyMailbox(platform, mailbox)).id }),
  }
}
