/** GET .../messages/wait: answers when a message arrives that matches, or when the time is up. */
import { type Static, Type } from 'typebox'
import { getMessage } from '../messages/find-message.ts'
import { listFolders } from '../messages/folders.ts'
import { chooseFolders } from '../messages/message-list.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import {
  type ArrivalPlace,
  decodePlace,
  encodePlace,
  momentOfId,
  placeAt,
  placeCharsMax,
} from '../messages/waiting/arrival-cursor.ts'
import { type ArrivalFolder, bodyOfMessage } from '../messages/waiting/arrivals.ts'
import { waitForMessage, waitSecondsMax } from '../messages/waiting/wait.ts'
import { endWaiting } from '../messages/waiting/waiters.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { codesFields, codesView } from './message-codes.ts'
import { readMessageView } from './message-read.ts'
import { MessageView } from './message-view.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed, Nullable, noStore, readMoment } from './schemas.ts'

/** Below the time after which most proxies and clients give up. */
const secondsDefault = 30
const textLengthMax = 200

const Words = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: textLengthMax, description }))

const WaitQuery = Type.Object(
  {
    timeout: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: waitSecondsMax,
        description: `Seconds to wait at most; ${secondsDefault} if not given. 0: only look.`,
      }),
    ),
    since: Type.Optional(
      Type.String({
        format: 'date-time',
        description:
          'What was received then or later counts, too. Default: what is received from this call on.',
      }),
    ),
    after: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: placeCharsMax,
        description: 'next of the reply before, or the id of a message: what came after it counts.',
      }),
    ),
    folder: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1000,
        description:
          'A folder’s id or path, or what it is for, as `junk`. Default: all but Sent, Drafts, Junk and Trash.',
      }),
    ),
    from: Words('In the author’s name or address.'),
    to: Words('In a recipient’s name or address.'),
    subject: Words('In the subject.'),
    text: Words('In the text.'),
    has_attachments: Type.Optional(Type.Boolean()),
    has_code: Type.Optional(Type.Boolean({ description: 'It has a one-time code.' })),
  },
  closed,
)

const WaitView = Type.Object(
  {
    message: Nullable(MessageView, 'Null: none has come.'),
    ...codesFields,
    codes: { ...codesFields.codes, description: 'Of the message.' },
    links: { ...codesFields.links, description: 'Of the message.' },
    sender: Nullable(codesFields.sender, 'Of the message: who it is from, as far as that was checked.'),
    next: Type.String({
      description: 'Give it as `after` to go on: no message is missed and none comes again.',
    }),
  },
  { title: 'Waited' },
)

export function messageWaitRoute(app: Api, platform: Platform): void {
  app.addHook('preClose', (done) => {
    endWaiting(platform)
    done()
  })
  app.get(
    '/v1/mailboxes/:mailbox/messages/wait',
    {
      schema: {
        summary: 'Wait for a message',
        description:
          'Answers as soon as a message arrives that matches everything that is asked for, with its one-time codes and links. When the time is up, ' +
          'or the server stops, the message is null: call again with `after`. Texts are found as parts of words, without regard to case.',
        tags: ['messages'],
        params: MailboxPath,
        querystring: WaitQuery,
        response: {
          200: WaitView,
          ...readProblems(
            'mailbox_not_found',
            'service_cannot',
            'folder_not_found',
            'invalid_cursor',
            'wait_limit_reached',
          ),
        },
      },
    },
    async (request, reply) => {
      const { principal, scope } = callerOf(request)
      const { mailboxId } = await getStoredMailbox(platform, scope, request.params.mailbox)
      const { query } = request
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const { found, next } = await waitForMessage(platform, {
        mailboxId,
        callerId: principal.id,
        folderId: await folderOf(platform, mailboxId, query.folder),
        filter: {
          from: query.from ?? null,
          to: query.to ?? null,
          subject: query.subject ?? null,
          text: query.text ?? null,
          hasAttachments: query.has_attachments ?? null,
          hasCode: query.has_code ?? null,
        },
        from: await placeOf(platform, mailboxId, query),
        timeoutMs: (query.timeout ?? secondsDefault) * 1000,
        signal: gone.signal,
      })
      void reply.headers(noStore)
      const nothing = { message: null, codes: [], links: [], sender: null, next: encodePlace(next) }
      if (found === null || gone.signal.aborted) return nothing
      return { ...(await foundView(platform, mailboxId, found.id)), next: encodePlace(next) }
    },
  )
}

async function foundView(
  platform: Platform,
  mailboxId: string,
  id: string,
): Promise<Omit<Static<typeof WaitView>, 'next'>> {
  const message = await readMessageView(platform, mailboxId, id)
  return { message, ...(await codesView(platform, await getMessage(platform.db, mailboxId, id))) }
}

/** @throws Refusal folder_not_found. */
async function folderOf(
  platform: Platform,
  mailboxId: string,
  wanted: string | undefined,
): Promise<ArrivalFolder> {
  if (wanted === undefined) return null
  const [folder, ...more] = chooseFolders(await listFolders(platform, mailboxId), wanted)
  if (folder === undefined || more.length > 0) throw new Refusal('folder_not_found')
  return folder.id
}

/** @throws Refusal invalid_request, invalid_cursor. */
async function placeOf(
  platform: Platform,
  mailboxId: string,
  { since, after }: Static<typeof WaitQuery>,
): Promise<ArrivalPlace> {
  if (since !== undefined && after !== undefined) {
    const fields = [{ pointer: '/since', detail: 'does not go with after' }]
    throw new Refusal('invalid_request', undefined, { fields })
  }
  if (after === undefined) {
    return placeAt(since === undefined ? platform.clock.now() : notNegative(readMoment(since, '/since')))
  }
  if (!isId(after)) return decodePlace(after)
  const fromId = after.toLowerCase()
  const bodyId = await bodyOfMessage(platform.db, mailboxId, fromId)
  return { fromId, told: bodyId === null ? [] : [{ bodyId, atMs: momentOfId(fromId) }] }
}

/** Before 1970 there is no id. */
function notNegative(at: Date): Date {
  return new Date(Math.max(0, at.getTime()))
}
