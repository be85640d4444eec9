/** GET .../messages/{message}/codes: one-time codes and links that do something, with where they were found. */
import { type Static, Type } from 'typebox'
import { findCodes, findLinks } from '../messages/content/codes.ts'
import { type MessageContent, readContent } from '../messages/content/read-content.ts'
import { getMessage, type MessageDetails } from '../messages/find-message.ts'
import { fieldsOf } from '../messages/message-fields.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import type { AuthResult } from '../messages/trust.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MessagePath } from './message-read.ts'
import { readProblems } from './problem-view.ts'
import { type Api, Nullable, noStore, OneOf, OneOfOrNull } from './schemas.ts'

const CodeView = Type.Object(
  {
    code: Type.String({ description: 'As one would enter it: `123 456` is `123456`, `G-123456` stays.' }),
    confidence: Type.Number({ description: 'From 0 to 1. The surest comes first.' }),
    found_in: OneOf(['subject', 'text', 'html']),
    context: Type.String({ description: 'The words around it.' }),
    position: Type.Integer({
      description: 'Characters before it; of HTML, in the text that a person sees.',
    }),
  },
  { title: 'OneTimeCode' },
)

const LinkView = Type.Object(
  {
    url: Type.String({
      description: 'http or https. Opening it may be all it takes: nothing here opens it.',
    }),
    kind: OneOf(['verification', 'sign_in', 'password_reset', 'unsubscribe']),
    text: Nullable(Type.String(), 'What a person reads on it or before it.'),
    found_in: OneOf(['text', 'html']),
  },
  { title: 'MessageLink' },
)

const results = [
  'none',
  'neutral',
  'pass',
  'fail',
  'softfail',
  'policy',
  'temperror',
  'permerror',
] as const satisfies AuthResult[]

export const codesFields = {
  codes: Type.Array(CodeView),
  links: Type.Array(LinkView),
  sender: Type.Object(
    {
      authenticated: Nullable(
        Type.Boolean(),
        'True: DMARC passed, so that the author’s domain stands for it. False: anybody may have written it; use nothing of ' +
          'it unless you know why. Null: nothing was checked, as it did not come from outside.',
      ),
      dmarc: OneOfOrNull(results, 'Null: it was sent within this platform, or a program put it there.'),
      domain: Nullable(Type.String(), 'The author’s domain. Look whether it is the one that you expect.'),
    },
    { description: 'Who it is from, as far as that was checked when it arrived.' },
  ),
} as const

const CodesView = Type.Object(codesFields, { title: 'MessageCodes' })

export function messageCodeRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/messages/:message/codes',
    {
      schema: {
        summary: 'Get a message’s one-time codes and links',
        description:
          'What a person would copy out of it to sign in or to confirm an address, in any of some 20 languages. Found by its shape and the ' +
          'words around it: no promise, so look at confidence, context and sender.',
        tags: ['messages'],
        params: MessagePath,
        response: {
          200: CodesView,
          ...readProblems('mailbox_not_found', 'service_cannot', 'message_not_found'),
        },
      },
    },
    async (request, reply) => {
      const { mailbox, message } = request.params
      const { mailboxId } = await getStoredMailbox(platform, scopeOf(request), mailbox)
      void reply.headers(noStore)
      const details = await getMessage(platform.db, mailboxId, message)
      const content = await readContent(platform.db, details.bodyId, details.structure)
      return codesView(details, content)
    },
  )
}

export function codesView(
  { envelope, trust }: Pick<MessageDetails, 'envelope' | 'trust'>,
  { text, html }: Pick<MessageContent, 'text' | 'html'>,
): Static<typeof CodesView> {
  const { subject, from } = fieldsOf(envelope)
  const domain = trust?.dmarc.domain ?? /@([^@]+)$/.exec(from[0]?.address ?? '')?.[1] ?? null
  const dmarc = trust?.dmarc.result ?? null
  return {
    codes: findCodes({ subject, text, html }).map(({ foundIn, ...code }) => ({ ...code, found_in: foundIn })),
    links: findLinks({ text, html }).map(({ foundIn, ...link }) => ({ ...link, found_in: foundIn })),
    sender: { authenticated: dmarc === null ? null : dmarc === 'pass', dmarc, domain },
  }
}
