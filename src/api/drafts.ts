/** /v1/mailboxes/{mailbox}/drafts: drafts, which mail programs see in the folder for drafts; made, read, edited, deleted. */

import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import { editedParts, stageDraft } from '../delivery/drafts/draft-parts.ts'
import { deleteDraft, insertDraft, replaceDraft } from '../delivery/drafts/edit-drafts.ts'
import { type Draft, getDraft, listDrafts } from '../delivery/drafts/find-drafts.ts'
import type { NewMessageParts } from '../delivery/submission/compose.ts'
import { type Purpose, partsOfWritten } from '../delivery/submission/written.ts'
import { getMailbox, lockMailbox, subject } from '../mailboxes/mailboxes.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DraftSummaryView, DraftView, draftSummaryView, draftView } from './draft-view.ts'
import { etagOfId, idsOfIfMatch } from './etag.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { type ChangeReply, type ChangeRequest, mutate, type Outcome } from './mutate.ts'
import { prepared, preparedValue, readWritten, writtenFields } from './new-message.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { forwardFields, forwardOf, replyFields, replyOf } from './replies.ts'
import { type Api, closed, Id, Nullable, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

const tags = ['drafts']

export const DraftPath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  draft: Type.String({ description: 'Its id.' }),
})

const NewDraft = Type.Object(
  {
    ...writtenFields,
    reply: Type.Optional(
      Type.Object({ message_id: Id, ...replyFields }, { ...closed, description: 'It answers this message.' }),
    ),
    forward: Type.Optional(
      Type.Object(
        { message_id: Id, ...forwardFields },
        { ...closed, description: 'It passes this message on.' },
      ),
    ),
  },
  { ...closed, title: 'NewDraft' },
)

const DraftChanges = Type.Object(
  {
    ...writtenFields,
    text: Type.Optional(Nullable(Type.String({ maxLength: apiLimits.messageBodyBytesMax }))),
    html: Type.Optional(Nullable(Type.String({ maxLength: apiLimits.messageBodyBytesMax }))),
    send_at: Type.Optional(Nullable(Type.String({ format: 'date-time' }))),
  },
  { ...closed, title: 'DraftChanges', description: 'An attachment with a `number` alone is one that stays.' },
)

const draftProblems = [
  'mailbox_not_found',
  'message_not_found',
  'attachment_not_found',
  'quota_exceeded',
  'folder_limit_reached',
] as const
const editProblems = [...draftProblems, 'draft_not_found', 'draft_not_editable', 'edit_conflict'] as const

export function draftRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/drafts',
    {
      schema: {
        summary: 'List drafts',
        description: 'The one that was written last first, those of mail programs too.',
        tags,
        params: MailboxPath,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(DraftSummaryView), ...readProblems('mailbox_not_found', 'invalid_cursor') },
      },
    },
    async (request) => {
      const { id } = await getMailbox(platform, scopeOf(request), request.params.mailbox)
      return pageView(await listDrafts(platform, id, pageRequest(request.query)), draftSummaryView)
    },
  )
  app.post(
    '/v1/mailboxes/:mailbox/drafts',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      schema: {
        summary: 'Create a draft',
        description: 'A message of its own, or with `reply` or `forward` as those calls would write it.',
        tags,
        params: MailboxPath,
        body: NewDraft,
        response: { 201: DraftView, ...postProblems(...draftProblems) },
      },
    },
    async (request, reply) => create(platform, scopeOf(request), request, reply, request.body),
  )
  app.get(
    '/v1/mailboxes/:mailbox/drafts/:draft',
    {
      schema: {
        summary: 'Get a draft',
        description: 'The ETag changes with each edit, also by a mail program.',
        tags,
        params: DraftPath,
        response: { 200: DraftView, ...readProblems('mailbox_not_found', 'draft_not_found') },
      },
    },
    async (request, reply) => {
      const { id } = await getMailbox(platform, scopeOf(request), request.params.mailbox)
      const draft = await getDraft(platform.db, id, request.params.draft)
      void reply.header('etag', etagOfId(draft.message.id))
      return await draftView(platform.db, draft)
    },
  )
  changeRoutes(app, platform)
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/mailboxes/:mailbox/drafts/:draft',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      schema: {
        summary: 'Edit a draft',
        description:
          'What is not named stays. With If-Match only the version that it names is changed; without, the edit is made on ' +
          'top of whatever is there.',
        tags,
        params: DraftPath,
        body: DraftChanges,
        response: { 200: DraftView, ...writeProblems(...editProblems) },
      },
    },
    async (request, reply) =>
      editDraft(platform, request, reply, 200, (draft) => changed(platform, draft, request.body)),
  )
  app.delete(
    '/v1/mailboxes/:mailbox/drafts/:draft',
    {
      schema: {
        summary: 'Delete a draft',
        description: 'With If-Match only the version that it names.',
        tags,
        params: DraftPath,
        response: {
          204: Type.Null(),
          ...writeProblems('mailbox_not_found', 'draft_not_found', 'edit_conflict'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      return await onCurrent(platform, scope, request, reply, {
        prepare: async () => null,
        work: async (tx, { mailbox, draft }) => {
          await deleteDraft(platform, tx, subject(mailbox), draft)
          return { status: 204, body: null }
        },
      })
    },
  )
}

async function create(
  platform: Platform,
  scope: Scope,
  request: ChangeRequest & { params: { mailbox: string } },
  reply: ChangeReply,
  body: Static<typeof NewDraft>,
): Promise<Static<typeof DraftView>> {
  const written = readWritten(body)
  const draft = await prepared(request, async () => {
    requireWrite(scope)
    const mailbox = await getMailbox(platform, scope, request.params.mailbox)
    const { parts, answers } = await partsOfWritten(platform, mailbox, written, purposeOf(body))
    return { mailbox, answers, staged: await stageDraft(platform, mailbox, parts) }
  })
  return await mutate(platform, request, reply, async (tx) => {
    const { mailbox, answers, staged } = preparedValue(draft)
    await lockMailbox(tx, scope, mailbox.id)
    const { sendAt } = written
    const stored = await insertDraft(platform, tx, subject(mailbox), staged, { sendAt, answers })
    return await outcome(tx, mailbox.id, stored.id, 201)
  })
}

function purposeOf({ reply, forward }: Static<typeof NewDraft>): Purpose {
  if (reply !== undefined && forward !== undefined) {
    const fields = [{ pointer: '/forward', detail: 'cannot stand beside `reply`' }]
    throw new Refusal('invalid_request', 'A draft answers a message or passes one on.', { fields })
  }
  if (reply !== undefined) return replyOf(reply.message_id, reply)
  return forward === undefined ? null : forwardOf(forward.message_id, forward)
}

/** The parts of a draft after an edit. */
async function changed(
  platform: Platform,
  draft: Draft,
  body: Static<typeof DraftChanges>,
): Promise<{ parts: NewMessageParts; sendAt: Date | null }> {
  const { message } = draft
  const { text, html, send_at: sendAt, attachments, ...rest } = body
  const own = attachments?.map((one) =>
    one.number !== undefined && one.message_id === undefined ? { ...one, message_id: message.id } : one,
  )
  const written = readWritten({
    ...rest,
    ...(own === undefined ? {} : { attachments: own }),
    ...(sendAt === undefined || sendAt === null ? {} : { send_at: sendAt }),
  })
  const parts = await editedParts(platform, message, written, (before) => ({
    text: text === undefined ? before.text : text,
    html: html === undefined ? before.html : html,
  }))
  return { parts, sendAt: sendAt === undefined ? draft.sendAt : written.sendAt }
}

export type DraftRequest = ChangeRequest & { params: Static<typeof DraftPath> }

/**
 * Edits a draft: what `change` makes of the version that is there takes its place.
 * @throws Refusal edit_conflict, draft_not_found, draft_not_editable.
 */
export async function editDraft(
  platform: Platform,
  request: DraftRequest,
  reply: ChangeReply,
  status: number,
  change: (draft: Draft) => Promise<{ parts: NewMessageParts; sendAt: Date | null }>,
): Promise<Static<typeof DraftView>> {
  return await onCurrent(platform, scopeOf(request), request, reply, {
    prepare: async ({ mailbox, draft }) => {
      const { parts, sendAt } = await change(draft)
      return { sendAt, staged: await stageDraft(platform, mailbox, parts) }
    },
    work: async (tx, { mailbox, draft }, { sendAt, staged }) => {
      await replaceDraft(platform, tx, subject(mailbox), draft, staged, sendAt)
      return await outcome(tx, mailbox.id, draft.id, status)
    },
  })
}

async function outcome(
  db: Db,
  mailboxId: string,
  id: string,
  status: number,
): Promise<Outcome<Static<typeof DraftView>>> {
  const draft = await getDraft(db, mailboxId, id)
  return { status, body: await draftView(db, draft), headers: { etag: etagOfId(draft.message.id) } }
}

/** Edits that meet and name no version are made one after another; so often at most. */
const attemptsMax = 5

type Place = { mailbox: Mailbox; draft: Draft }

type Change<P, T> = {
  /** Before the transaction. */
  prepare: (place: Place) => Promise<P>
  /** Under the mailbox's lock. @throws Refusal edit_conflict when the draft is another by then. */
  work: (tx: Tx, place: Place, made: P) => Promise<Outcome<T>>
}

async function onCurrent<P, T>(
  platform: Platform,
  scope: Scope,
  request: DraftRequest,
  reply: ChangeReply,
  { prepare, work }: Change<P, T>,
): Promise<T> {
  const wanted = idsOfIfMatch(request.headers['if-match'])
  for (let attempt = 1; ; attempt += 1) {
    const ready = await prepared(request, async () => {
      requireWrite(scope)
      const mailbox = await getMailbox(platform, scope, request.params.mailbox)
      const draft = await getDraft(platform.db, mailbox.id, request.params.draft)
      if (wanted !== null && !wanted.includes(draft.message.id)) throw new Refusal('edit_conflict')
      return { place: { mailbox, draft }, made: await prepare({ mailbox, draft }) }
    })
    try {
      return await mutate(platform, request, reply, async (tx) => {
        const { place, made } = preparedValue(ready)
        await lockMailbox(tx, scope, place.mailbox.id)
        return await work(tx, place, made)
      })
    } catch (error) {
      const isMet = error instanceof Refusal && error.code === 'edit_conflict' && wanted === null
      if (!isMet || attempt >= attemptsMax) throw error
    }
  }
}
