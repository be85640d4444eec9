/** POST /v1/mailboxes/{mailbox}/messages: sends a message from a mailbox. */

import { Type } from 'typebox'
import { prepareWritten, submitWritten } from '../delivery/submission/written.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import {
  prepared,
  preparedValue,
  readWritten,
  SubmittedView,
  sendingProblems,
  submittedView,
  writtenFields,
} from './new-message.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed } from './schemas.ts'

const MessageBody = Type.Object(writtenFields, { ...closed, title: 'NewMessage' })

export function sendMessageRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/messages',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      schema: {
        summary: 'Send a message',
        description:
          'The copy in Sent, the copies of recipients on this platform and the queue for the others are committed ' +
          'together. Give an Idempotency-Key: the same request again sends nothing twice.',
        tags: ['messages'],
        params: MailboxPath,
        body: MessageBody,
        response: { 202: SubmittedView, ...postProblems(...sendingProblems) },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      const written = readWritten(request.body)
      const submission = await prepared(request, () => prepareWritten(platform, scope, ref, written, null))
      return await mutate(platform, request, reply, async (tx) => {
        const submitted = await submitWritten(platform, tx, scope, preparedValue(submission))
        return { status: 202, body: submittedView(platform, submitted) }
      })
    },
  )
}
