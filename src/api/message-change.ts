/** Changes of messages: PATCH and DELETE of one, and POST .../messages/changes for many and for whole threads. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../accounts/principals.ts'
import {
  type ChangedMessages,
  changeByIds,
  type WantedChange,
  type WantedEdit,
} from '../messages/change-by-id.ts'
import { editedMax } from '../messages/edit-messages.ts'
import { keywordsPerMessageMax } from '../messages/flags.ts'
import { idsOfThreads, type LockedMessage, readVersions } from '../messages/locked-messages.ts'
import { readSubjects } from '../messages/message-subjects.ts'
import { readSummaries } from '../messages/read-message.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { EditHeaders } from './documented.ts'
import { MailboxPath } from './mailbox-view.ts'
import { MessagePath } from './message-read.ts'
import { isMessageMatch, MessageSummaryView, messageEtag, messageSummaryView } from './message-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview } from './preview.ts'
import { postProblems, writeProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const tags = ['messages']

/** Far above what a label may have, so that the core can say what is wrong with it. */
const labelLengthMax = 1000
const threadsMax = 200

const Labels = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ maxLength: labelLengthMax }), { maxItems: keywordsPerMessageMax, description }),
  )

const editFields = {
  seen: Type.Optional(Type.Boolean({ description: 'False: it is unread.' })),
  flagged: Type.Optional(Type.Boolean()),
  answered: Type.Optional(Type.Boolean()),
  labels: Labels('All its labels from now on. IMAP programs have them as keywords; case does not matter.'),
  add_labels: Labels('Labels that it gets; those that it has stay.'),
  remove_labels: Labels('Labels that it loses.'),
  folder: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1000,
      description: 'Where it goes: a folder’s id or path, or what the folder is for, as `archive`.',
    }),
  ),
} as const

const EditBody = Type.Object(editFields, closed)

const ChangedMessageView = Type.Object(
  {
    ...MessageSummaryView.properties,
    etag: Type.String({ description: 'Of its flags, labels and folder now: for If-Match.' }),
  },
  { title: 'ChangedMessage' },
)

const restoreUntil = Nullable(
  Moment,
  'Until then it can be restored under deleted-messages, if it was removed. Null: it is in the trash, or gone for good.',
)

const DeletedView = Type.Object(
  {
    id: Id,
    outcome: OneOf(['moved_to_trash', 'removed']),
    restore_until: restoreUntil,
  },
  { title: 'DeletedMessageOutcome' },
)

const editCodes = ['label_invalid', 'folder_not_found', 'keyword_limit_reached'] as const
const findCodes = ['mailbox_not_found', 'service_cannot'] as const

export function messageChangeRoutes(app: Api, platform: Platform): void {
  patchRoute(app, platform)
  deleteRoute(app, platform)
  bulkRoute(app, platform)
}

function patchRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/mailboxes/:mailbox/messages/:message',
    {
      schema: {
        summary: 'Change a message’s flags, labels or folder',
        description:
          'IMAP clients see it at once. A message keeps its id when it is moved. Labels that begin with `$` mean something to ' +
          'mail programs: `$Junk` and `$NotJunk` also train the spam filter, as moving into and out of the junk folder does.',
        tags,
        params: MessagePath,
        body: EditBody,
        response: {
          200: ChangedMessageView,
          ...writeProblems(...findCodes, ...editCodes, 'message_not_found', 'edit_conflict'),
        },
      },
      config: { documented: { headers: EditHeaders } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const { mailbox, message } = request.params
      const owner = await getStoredMailbox(platform, scope, mailbox)
      const change = { kind: 'edit', edit: request.body } as const
      await mutate(platform, request, reply, async (tx) => {
        await changeByIds(platform, tx, owner, idsOf([message]), change, {
          check: one(request.headers['if-match']),
        })
        return { status: 200, body: undefined }
      })
      const [summary] = await readSummaries(platform, owner.mailboxId, idsOf([message]))
      if (summary === undefined) throw new Refusal('message_not_found')
      const etag = messageEtag(summary)
      void reply.header('etag', etag)
      return { ...messageSummaryView(summary), etag }
    },
  )
}

/** What must hold of the one message. @throws Refusal message_not_found, edit_conflict. */
function one(ifMatch: string | undefined): (messages: readonly LockedMessage[]) => void {
  return ([message]) => {
    if (message === undefined) throw new Refusal('message_not_found')
    if (!isMessageMatch(ifMatch, message)) throw new Refusal('edit_conflict')
  }
}

function idsOf(texts: readonly string[]): string[] {
  return [...new Set(texts.filter(isId).map((id) => id.toLowerCase()))]
}

const DeleteQuery = Type.Object(
  {
    permanent: Type.Optional(
      Type.Boolean({ description: 'Remove it wherever it is; default: move it to the trash first.' }),
    ),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  closed,
)

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/mailboxes/:mailbox/messages/:message',
    {
      schema: {
        summary: 'Delete a message',
        description:
          'It is moved to the trash. One that is in the trash or the junk folder already is removed, and can be restored for as ' +
          'long as restore_days of the mailbox’s policy says.',
        tags,
        params: MessagePath,
        querystring: DeleteQuery,
        response: {
          200: OrPreview(DeletedView),
          ...writeProblems(...findCodes, 'message_not_found', 'edit_conflict'),
        },
      },
      config: { documented: { headers: EditHeaders, replies: { 200: AnyOf(DeletedView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const { mailbox, message } = request.params
      const owner = await getStoredMailbox(platform, scope, mailbox)
      const change = { kind: 'delete', permanent: request.query.permanent === true } as const
      const check = one(request.headers['if-match'])
      const work = async (tx: Tx): Promise<ChangedMessages> =>
        await changeByIds(platform, tx, owner, idsOf([message]), change, { check })
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const subjects = await readSubjects(tx, owner.mailboxId, idsOf([message]))
          return previewOf(await work(tx), subjects)
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { outcomes, restoreUntil } = await work(tx)
        const [[id, outcome] = ['', 'removed']] = outcomes
        const body: Static<typeof DeletedView> = {
          id,
          outcome: outcome === 'moved_to_trash' ? outcome : 'removed',
          restore_until: outcome === 'removed' ? momentOrNull(restoreUntil) : null,
        }
        return { status: 200, body }
      })
    },
  )
}

function previewOf(
  { outcomes, restoreUntil }: ChangedMessages,
  subjects: ReadonlyMap<string, string>,
): Preview {
  const removed = [...outcomes.values()].filter((outcome) => outcome === 'removed').length
  const until =
    restoreUntil === null
      ? 'What is removed cannot be restored.'
      : `What is removed can be restored until ${restoreUntil.toISOString()}.`
  return {
    objects: [...outcomes].map(([id, outcome]) => ({
      type: 'message',
      action:
        outcome === 'removed'
          ? 'delete'
          : outcome === 'moved' || outcome === 'moved_to_trash'
            ? 'move'
            : 'update',
      id,
      name: subjects.get(id) ?? '',
      state: outcome,
    })),
    ...(removed === 0 ? {} : { notes: [until] }),
  }
}

const BulkBody = Type.Object(
  {
    ids: Type.Optional(Type.Array(Id, { maxItems: editedMax })),
    threads: Type.Optional(
      Type.Array(Id, {
        maxItems: threadsMax,
        description: `All their messages, ${editedMax} at most in a call.`,
      }),
    ),
    change: Type.Object(
      {
        ...editFields,
        delete: Type.Optional(Type.Boolean({ description: 'As DELETE of each; nothing else goes with it.' })),
        permanent: Type.Optional(Type.Boolean({ description: 'Of delete: past the trash.' })),
      },
      closed,
    ),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  closed,
)

const BulkView = Type.Object(
  {
    data: Type.Array(
      Type.Object({
        id: Id,
        outcome: OneOf(['unchanged', 'changed', 'moved', 'moved_to_trash', 'removed']),
        etag: Nullable(Type.String(), 'Null: it was removed.'),
      }),
    ),
    not_found: Type.Array(Id, { description: 'Ids of messages and threads that are not there (any more).' }),
    restore_until: restoreUntil,
  },
  { title: 'MessageChanges' },
)

function bulkRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/messages/changes',
    {
      schema: {
        summary: 'Change many messages or whole threads',
        description:
          `At most ${editedMax} messages, all of them in one transaction: all that are there are changed, or none. Those that are not ` +
          'there are named.',
        tags,
        params: MailboxPath,
        body: BulkBody,
        response: { 200: OrPreview(BulkView), ...postProblems(...findCodes, ...editCodes) },
      },
      config: { documented: { replies: { 200: AnyOf(BulkView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      requireWrite(scope)
      const owner = await getStoredMailbox(platform, scope, request.params.mailbox)
      const change = toChange(request.body.change)
      const wanted = {
        ids: idsOf(request.body.ids ?? []),
        threads: idsOf(request.body.threads ?? []),
      }
      const work = async (tx: Tx) => {
        const { ids, missing } = await withThreads(tx, owner.mailboxId, wanted)
        const done = await changeByIds(platform, tx, owner, ids, change, { pointer: '/change' })
        return { done, notFound: [...ids.filter((id) => !done.outcomes.has(id)), ...missing] }
      }
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { ids } = await withThreads(tx, owner.mailboxId, wanted)
          const subjects = await readSubjects(tx, owner.mailboxId, ids)
          return previewOf((await work(tx)).done, subjects)
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { done, notFound } = await work(tx)
        return { status: 200, body: await bulkView(tx, owner.mailboxId, done, notFound) }
      })
    },
  )
}

/** @throws Refusal invalid_request. */
function toChange(body: Static<typeof BulkBody>['change']): WantedChange {
  const { delete: isDelete = false, permanent, ...edit } = body
  const wrong = (pointer: string, detail: string): Refusal =>
    new Refusal('invalid_request', undefined, { fields: [{ pointer, detail }] })
  if (!isDelete) {
    if (permanent !== undefined) throw wrong('/change/permanent', 'goes with delete')
    const wanted: WantedEdit = edit
    return { kind: 'edit', edit: wanted }
  }
  if (Object.keys(edit).length > 0) throw wrong('/change/delete', 'goes with no other change')
  return { kind: 'delete', permanent: permanent === true }
}

/** @throws Refusal invalid_request when the threads have too many messages. */
async function withThreads(
  tx: Tx,
  mailboxId: string,
  { ids, threads }: { ids: readonly string[]; threads: readonly string[] },
): Promise<{ ids: string[]; missing: string[] }> {
  if (threads.length === 0) return { ids: [...ids], missing: [] }
  const found = await idsOfThreads(tx, mailboxId, threads, editedMax + 1)
  const all = new Set([...ids, ...found.map(({ id }) => id)])
  if (all.size > editedMax) {
    const detail = `have, with the ids, more than ${editedMax} messages`
    throw new Refusal('invalid_request', undefined, { fields: [{ pointer: '/threads', detail }] })
  }
  const known = new Set(found.map(({ threadId }) => threadId))
  return { ids: [...all], missing: threads.filter((id) => !known.has(id)) }
}

async function bulkView(
  tx: Tx,
  mailboxId: string,
  { outcomes, restoreUntil }: ChangedMessages,
  notFound: string[],
): Promise<Static<typeof BulkView>> {
  const now = await readVersions(tx, mailboxId, [...outcomes.keys()])
  const etags = new Map(now.map((message) => [message.id, messageEtag(message)]))
  const isRemoving = [...outcomes.values()].includes('removed')
  return {
    data: [...outcomes].map(([id, outcome]) => ({ id, outcome, etag: etags.get(id) ?? null })),
    not_found: notFound,
    restore_until: isRemoving ? momentOrNull(restoreUntil) : null,
  }
}
