/** GET .../messages/wait: answers when a message arrives that matches, or when the time is up. */
import { Type } from 'typebox'
import { listFolders } from '../messages/folders.ts'
import { chooseFolder } from '../messages/message-list.ts'
import { readMessageIfThere } from '../messages/read-message.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import { encodePlace, placeCharsMax } from '../messages/waiting/arrival-cursor.ts'
import type { ArrivalFolder } from '../messages/waiting/arrivals.ts'
import { startOfWait } from '../messages/waiting/start.ts'
import { waitForMessage, waitSecondsMax } from '../messages/waiting/wait.ts'
import { endWaiting } from '../messages/waiting/waiters.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { codesFields, codesView } from './message-codes.ts'
import { viewOf } from './message-read.ts'
import { MessageView } from './message-view.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed, Nullable, noStore, readMomentOrNull } from './schemas.ts'

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
          'What was received then or later counts, too. Default: what is not there yet at this call.',
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
        from: await startOfWait(platform, mailboxId, {
          since: readMomentOrNull(query.since, '/since'),
          after: query.after ?? null,
        }),
        timeoutMs: (query.timeout ?? secondsDefault) * 1000,
        signal: gone.signal,
      })
      void reply.headers(noStore)
      const nothing = { message: null, codes: [], links: [], sender: null, next: encodePlace(next) }
      if (found === null || gone.signal.aborted) return nothing
      const message = await readMessageIfThere(platform, mailboxId, found.id)
      if (message === null) return nothing
      return {
        message: await viewOf(platform, message),
        ...codesView(message, message.content),
        next: encodePlace(next),
      }
    },
  )
}

/** @throws Refusal folder_not_found. */
async function folderOf(
  platform: Platform,
  mailboxId: string,
  wanted: string | undefined,
): Promise<ArrivalFolder> {
  if (wanted === undefined) return null
  return chooseFolder(await listFolders(platform, mailboxId), wanted).id
}
