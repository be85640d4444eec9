/**
 * What a client asked to be notified of (RFC 5465), and what has happened of it since it was last told. Without a
 * NOTIFY command there is none of this, and the client hears of its selected mailbox only.
 *
 * Events name folders by their ids; their paths, counts and attributes are read when they are told, so that many
 * events of one folder become one response. Pure: events in, names and ids out.
 */
import { fieldOf } from '../../messages/folder-event-fields.ts'
import type { PublishedEvent } from '../../platform/event-bus.ts'
import { imapLimits } from './limits.ts'
import type { FetchItem } from './syntax/fetch-item.ts'
import type { NotifyEvent, NotifyGroup } from './syntax/notify-group.ts'

export type Notify = {
  /** Of mailboxes that are not selected. */
  readonly groups: readonly NotifyGroup[]
  readonly selected: SelectedNotify
  pending: Pending
  /** MODSEQs of messages that this client put into its selected mailbox itself: it knows them. */
  readonly ownModseqs: Set<number>
}

/** What is told of the selected mailbox. */
export type SelectedNotify = {
  messages: boolean
  flags: boolean
  /** Nothing that shifts message numbers comes between commands (§6.1.2). */
  delayed: boolean
  /** Fetched of new messages. */
  fetch: readonly FetchItem[]
}

export type Pending = {
  /** Folders in which messages came or went, and those of which only flags changed. */
  messages: Set<string>
  flags: Set<string>
  /** Names that were made, given, or given up, with the name before. */
  names: Map<string, { from: string | null }>
  /** Names by whether they are subscribed. */
  subscriptions: Map<string, boolean>
  /** Changed entries of folders; null for the server. */
  annotations: Map<string | null, Set<string>>
  /** More than is kept. */
  overflown: boolean
}

/** NOTIFY NONE has no groups. */
export function createNotify(groups: readonly NotifyGroup[]): Notify {
  const own = groups.find(({ mailboxes }) => mailboxes.kind === 'selected')
  return {
    groups: groups.filter((group) => group !== own),
    selected: {
      messages: own?.events.has('MessageNew') ?? false,
      flags: own?.events.has('FlagChange') ?? false,
      delayed: own?.mailboxes.kind === 'selected' && own.mailboxes.delayed,
      fetch: own?.fetch ?? [],
    },
    pending: nothingPending(),
    ownModseqs: new Set(),
  }
}

export function nothingPending(): Pending {
  return {
    messages: new Set(),
    flags: new Set(),
    names: new Map(),
    subscriptions: new Map(),
    annotations: new Map(),
    overflown: false,
  }
}

export function hasPending({ pending }: Notify): boolean {
  const { messages, flags, names, subscriptions, annotations, overflown } = pending
  return overflown || messages.size + flags.size + names.size + subscriptions.size + annotations.size > 0
}

/** Takes an event that this client did not cause itself (§5). */
export function noteEvent({ groups, pending }: Notify, { type, data }: PublishedEvent): void {
  const wants = (event: NotifyEvent): boolean => groups.some(({ events }) => events.has(event))
  const folderId = textOf(data, 'folder_id')
  const path = textOf(data, 'path')
  if (type === 'message.flags_changed') {
    if (folderId !== null && wants('FlagChange')) pending.flags.add(folderId)
  } else if (type.startsWith('message.')) {
    if (!wants('MessageNew')) return
    for (const id of [folderId, textOf(data, 'from_folder_id')]) if (id !== null) pending.messages.add(id)
  } else if (type === 'folder.subscription_changed') {
    if (path !== null && wants('SubscriptionChange')) {
      pending.subscriptions.set(path, fieldOf(data, 'subscribed') === true)
    }
  } else if (type === 'folder.annotations_changed') {
    if (wants(folderId === null ? 'ServerMetadataChange' : 'MailboxMetadataChange')) {
      const entries = pending.annotations.get(folderId) ?? new Set()
      for (const entry of textsOf(data, 'entries')) entries.add(entry)
      pending.annotations.set(folderId, entries)
    }
  } else if (path !== null && wants('MailboxName')) noteName(pending, type, textOf(data, 'from'), path)
  if (countOf(pending) > imapLimits.notifyPendingMax) pending.overflown = true
}

/** Takes an event of the selected mailbox that this client caused (§5.2). */
export function noteOwnEvent({ selected, ownModseqs }: Notify, { data }: PublishedEvent): void {
  const modseq = fieldOf(data, 'highest_modseq')
  if (selected.messages && selected.fetch.length > 0 && typeof modseq === 'number') ownModseqs.add(modseq)
}

/** §5.4: a name is told with the level above it when it comes or goes; below what is renamed nothing is told. */
function noteName({ names }: Pending, type: string, from: string | null, path: string): void {
  if (type === 'folder.renamed' && from !== null) {
    const isBelow = [...names].some(
      ([to, { from: root }]) =>
        root !== null && from === root + path.slice(to.length) && path.startsWith(`${to}/`),
    )
    if (!isBelow) names.set(path, { from })
  } else if (type === 'folder.created' || type === 'folder.deleted') {
    names.set(path, { from: null })
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    if (parent !== '' && !names.has(parent)) names.set(parent, { from: null })
  }
}

function countOf({ names, subscriptions, annotations }: Pending): number {
  let entries = 0
  for (const one of annotations.values()) entries += one.size
  return names.size + subscriptions.size + entries
}

/** What is told of a mailbox that is not selected: all that a group asks for, and nothing when one says NONE. */
export function eventsFor(
  { groups }: Notify,
  names: readonly { path: string; subscribed: boolean }[],
): ReadonlySet<NotifyEvent> {
  const matching = groups.filter((group) => names.some((name) => matches(group, name)))
  if (matching.some(({ events }) => events.size === 0)) return new Set()
  return new Set(matching.flatMap(({ events }) => [...events]))
}

function matches({ mailboxes }: NotifyGroup, name: { path: string; subscribed: boolean }): boolean {
  switch (mailboxes.kind) {
    case 'selected':
      return false
    case 'personal':
      return true // there is no other namespace
    case 'inboxes':
      return name.path === 'INBOX' // where mail is delivered
    case 'subscribed':
      return name.subscribed
    case 'mailboxes':
      return mailboxes.paths.includes(name.path)
    case 'subtree':
      return mailboxes.paths.some((path) => name.path === path || name.path.startsWith(`${path}/`))
  }
}

function textOf(data: unknown, name: string): string | null {
  const value = fieldOf(data, name)
  return typeof value === 'string' ? value : null
}

function textsOf(data: unknown, name: string): string[] {
  const value = fieldOf(data, name)
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
