/** /v1/{mailboxes,domains,workspaces}/{ref}/sender-lists: whom to hear always, and whom never. */
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Principal, Scope } from '../accounts/principals.ts'
import { type ListModes, listModesOfOne, setListModes } from '../delivery/spam/list-modes.ts'
import {
  addSenders,
  changeSender,
  domainLevel,
  listSenders,
  mailboxLevel,
  removeSender,
  type SenderListEntry,
  type SenderListLevel,
  senderListBatchMax,
  workspaceLevel,
} from '../delivery/spam/sender-list-changes.ts'
import type { Db } from '../platform/database.ts'
import type { ErrorCode } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf, scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

const Kind = OneOf(['allow', 'block'])

const Direction = OneOf(
  ['inbound', 'outbound', 'both'],
  'Whom it is about: those who write to the mailbox, those whom it writes to, or both.',
)
const Paused = Type.Boolean({ description: 'Kept, and not applied.' })

const EntryView = Type.Object(
  {
    id: Id,
    kind: Kind,
    pattern: Type.String(),
    direction: Direction,
    paused: Paused,
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'SenderListEntry' },
)

const EntriesBody = Type.Object(
  {
    entries: Type.Array(
      Type.Object(
        {
          kind: Kind,
          pattern: Type.String({
            minLength: 1,
            maxLength: apiLimits.addressLengthMax,
            description: '`ann@example.com`, `@example.com` for a domain, `.example.com` for all below it.',
          }),
          direction: Type.Optional(Direction),
          paused: Type.Optional(Paused),
        },
        closed,
      ),
      { minItems: 1, maxItems: senderListBatchMax },
    ),
  },
  closed,
)

const EntryChangesBody = Type.Object(
  {
    kind: Type.Optional(Kind),
    direction: Type.Optional(Direction),
    paused: Type.Optional(Paused),
  },
  { ...closed, minProperties: 1, title: 'SenderListEntryChanges' },
)

const EntriesView = Type.Object({ data: Type.Array(EntryView) })

const modes = ['open', 'allow_list'] as const
const mode = OneOf(modes, 'allow_list: what nobody on the lists allows goes to the folder Blocked.')
const outboundMode = OneOf(modes, 'allow_list: only whom a list allows may be written to.')

const ModeView = Type.Object({ mode, outbound_mode: outboundMode }, { title: 'SenderListMode' })
const ModeBody = Type.Object(
  { mode: Type.Optional(mode), outbound_mode: Type.Optional(outboundMode) },
  { ...closed, minProperties: 1, title: 'NewSenderListMode' },
)

/** A noun that has a list. */
type Level = {
  noun: 'mailbox' | 'domain' | 'workspace'
  path: string
  refIs: string
  tag: string
  notFound: readonly ErrorCode[]
  find(platform: Platform, request: FastifyRequest, ref: string, db?: Db): Promise<SenderListLevel>
  writer(request: FastifyRequest): Scope | Principal
}

const levels: readonly Level[] = [
  {
    noun: 'mailbox',
    path: '/v1/mailboxes/:mailbox/sender-lists',
    refIs: 'Its id or its address.',
    tag: 'mailboxes',
    notFound: ['mailbox_not_found'],
    find: (platform, request, ref, db) => mailboxLevel(platform, scopeOf(request), ref, db),
    writer: scopeOf,
  },
  {
    noun: 'domain',
    path: '/v1/domains/:domain/sender-lists',
    refIs: 'Its id or its name.',
    tag: 'domains',
    notFound: ['domain_not_found'],
    find: (platform, request, ref, db) => domainLevel(platform, scopeOf(request), ref, db),
    writer: scopeOf,
  },
  {
    noun: 'workspace',
    path: '/v1/workspaces/:workspace/sender-lists',
    refIs: 'Its id.',
    tag: 'account',
    notFound: [],
    find: (platform, request, ref, db) => workspaceLevel(platform, callerOf(request).principal, ref, db),
    writer: (request) => callerOf(request).principal,
  },
]

export function senderListRoutes(app: Api, platform: Platform): void {
  for (const level of levels) levelRoutes(app, platform, level)
  modeRoutes(app, platform)
}

function entryPathOf({ noun, refIs }: Level) {
  const entry = Type.String({ description: 'Its id.' })
  return Type.Object({ [noun]: Type.String({ description: refIs }), entry })
}

function levelRoutes(app: Api, platform: Platform, level: Level): void {
  const { noun, path, tag, notFound } = level
  const Ref = Type.String({ description: level.refIs })
  const RefPath = Type.Object({ [noun]: Ref })
  const EntryPath = entryPathOf(level)
  app.get(
    path,
    {
      schema: {
        summary: `List whom a ${noun} allows and blocks`,
        tags: [tag],
        params: RefPath,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(EntryView), ...readProblems('invalid_cursor', ...notFound) },
      },
    },
    async (request) => {
      const found = await level.find(platform, request, request.params[noun] ?? '')
      return pageView(await listSenders(platform, found, pageRequest(request.query)), entryView)
    },
  )
  app.post(
    path,
    {
      schema: {
        summary: `Allow or block senders for a ${noun}`,
        description:
          'The nearest list that names a sender or recipient decides: the mailbox’s, else its domain’s, else its workspace’s. A pattern that is there already for the direction changes its kind; default is inbound. An allowed sender counts only when SPF, DKIM or DMARC prove it.',
        tags: [tag],
        params: RefPath,
        body: EntriesBody,
        response: { 200: EntriesView, ...postProblems('sender_list_limit_reached', ...notFound) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const found = await level.find(platform, request, request.params[noun] ?? '', tx)
        const writer = level.writer(request)
        const entries = await addSenders(platform, tx, writer, found, request.body.entries)
        return { status: 200, body: { data: entries.map(entryView) } }
      }),
  )
  changeRoute(app, platform, level)
  app.delete(
    `${path}/:entry`,
    {
      schema: {
        summary: `Remove an entry from a ${noun}’s list`,
        tags: [tag],
        params: EntryPath,
        response: { 204: Type.Null(), ...writeProblems('sender_list_entry_not_found', ...notFound) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const found = await level.find(platform, request, request.params[noun] ?? '', tx)
        await removeSender(platform, tx, level.writer(request), found, request.params['entry'] ?? '')
        return { status: 204, body: undefined }
      }),
  )
}

function changeRoute(app: Api, platform: Platform, level: Level): void {
  const { noun, path, tag, notFound, find, writer } = level
  app.patch(
    `${path}/:entry`,
    {
      schema: {
        summary: `Change an entry of a ${noun}’s list`,
        description:
          'Its pattern is fixed. What another entry of the pattern has of the new direction is taken from it.',
        tags: [tag],
        params: entryPathOf(level),
        body: EntryChangesBody,
        response: { 200: EntryView, ...writeProblems('sender_list_entry_not_found', ...notFound) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { params } = request
        const entry = params['entry'] ?? ''
        const found = await find(platform, request, params[noun] ?? '', tx)
        const changed = await changeSender(platform, tx, writer(request), found, entry, request.body)
        return { status: 200, body: entryView(changed) }
      }),
  )
}

function modeRoutes(app: Api, platform: Platform): void {
  const path = '/v1/mailboxes/:mailbox/sender-lists/mode'
  const tags = ['mailboxes']
  app.get(
    path,
    {
      schema: {
        summary: 'Get whom a mailbox hears and writes to',
        tags,
        params: MailboxPath,
        response: { 200: ModeView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      const { scopeId } = await mailboxLevel(platform, scopeOf(request), request.params.mailbox)
      return modeView(await listModesOfOne(platform.db, scopeId))
    },
  )
  app.put(
    path,
    {
      schema: {
        summary: 'Set whom a mailbox hears and writes to',
        description: 'A key that is bound to the mailbox may not: the list may be what guards its owner.',
        tags,
        params: MailboxPath,
        body: ModeBody,
        response: { 200: ModeView, ...writeProblems('mailbox_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mode, outbound_mode: outbound } = request.body
        const change = {
          ...(mode === undefined ? {} : { inbound: mode }),
          ...(outbound === undefined ? {} : { outbound }),
        }
        const { after } = await setListModes(platform, tx, scopeOf(request), request.params.mailbox, change)
        return { status: 200, body: modeView(after) }
      }),
  )
}

function modeView({ inbound, outbound }: ListModes): Static<typeof ModeView> {
  return { mode: inbound, outbound_mode: outbound }
}

function entryView(entry: SenderListEntry): Static<typeof EntryView> {
  const { id, kind, pattern, direction, paused, created_at, updated_at } = entry
  return {
    id,
    kind,
    pattern,
    direction,
    paused,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  }
}
