/** /v1/mailboxes/{mailbox}/forwarding and /autoreply: what a mailbox does with what it gets, without a filter. */
import { type Static, Type } from 'typebox'
import {
  type AutoreplySettings,
  autoreplyTextBytesMax,
  getAutoreply,
  putAutoreply,
} from '../delivery/routing/autoreply-settings.ts'
import { type Forwarding, getForwarding, mailboxTargetsMax, putForwarding } from '../mailboxes/forwarding.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable, readMomentOrNull } from './schemas.ts'

const ForwardingView = Type.Object(
  {
    targets: Type.Array(Type.String({ minLength: 1, maxLength: apiLimits.addressLengthMax }), {
      maxItems: mailboxTargetsMax,
      description: 'Where mail goes on to. Empty: it is not forwarded.',
    }),
    keep_copy: Type.Boolean({ description: 'Whether the mailbox keeps what it forwards.' }),
  },
  { ...closed, title: 'Forwarding' },
)

const AutoreplyView = Type.Object(
  {
    enabled: Type.Boolean(),
    subject: Nullable(Type.String({ maxLength: 500 }), 'Null: “Auto:” and the subject that is answered.'),
    text: Type.String({ maxLength: autoreplyTextBytesMax }),
    starts_at: Nullable(Moment, 'Null: at once.'),
    ends_at: Nullable(Moment, 'Null: until it is turned off.'),
    days: Type.Integer({
      minimum: 1,
      maximum: 365,
      description: 'A sender is answered once in so many days.',
    }),
  },
  { ...closed, title: 'Autoreply' },
)

const AutoreplyBody = Type.Object(
  {
    enabled: Type.Boolean(),
    subject: Type.Optional(AutoreplyView.properties.subject),
    text: AutoreplyView.properties.text,
    starts_at: Type.Optional(AutoreplyView.properties.starts_at),
    ends_at: Type.Optional(AutoreplyView.properties.ends_at),
    days: Type.Optional(AutoreplyView.properties.days),
  },
  closed,
)

const tags = ['mailboxes']

export function mailboxRuleRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/forwarding',
    {
      schema: {
        summary: 'Get a mailbox’s forwarding',
        tags,
        params: MailboxPath,
        response: { 200: ForwardingView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request) =>
      forwardingView(await getForwarding(platform, scopeOf(request), request.params.mailbox)),
  )
  app.put(
    '/v1/mailboxes/:mailbox/forwarding',
    {
      schema: {
        summary: 'Set a mailbox’s forwarding',
        description:
          'Junk is not forwarded. What cannot be forwarded is kept, and an event `forward.failed` tells of it.',
        tags,
        params: MailboxPath,
        body: ForwardingView,
        response: { 200: ForwardingView, ...writeProblems('mailbox_not_found', 'forward_target_invalid') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { targets, keep_copy: keepCopy } = request.body
        const wanted = { targets, keepCopy }
        const forwarding = await putForwarding(platform, tx, scopeOf(request), request.params.mailbox, wanted)
        return { status: 200, body: forwardingView(forwarding) }
      }),
  )
  autoreplyRoutes(app, platform)
}

function autoreplyRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/autoreply',
    {
      schema: {
        summary: 'Get a mailbox’s autoreply',
        tags,
        params: MailboxPath,
        response: { 200: AutoreplyView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => autoreplyView(await getAutoreply(platform, scopeOf(request), request.params.mailbox)),
  )
  app.put(
    '/v1/mailboxes/:mailbox/autoreply',
    {
      schema: {
        summary: 'Set a mailbox’s autoreply',
        description:
          'Lists, programs, spam and mail that does not name the mailbox are not answered (RFC 3834). Whoever was answered before is answered anew.',
        tags,
        params: MailboxPath,
        body: AutoreplyBody,
        response: { 200: AutoreplyView, ...writeProblems('mailbox_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const settings = settingsOf(request.body)
        const stored = await putAutoreply(platform, tx, scopeOf(request), request.params.mailbox, settings)
        return { status: 200, body: autoreplyView(stored) }
      }),
  )
}

function forwardingView({ targets, keepCopy }: Forwarding): Static<typeof ForwardingView> {
  return { targets: [...targets], keep_copy: keepCopy }
}

function settingsOf(body: Static<typeof AutoreplyBody>): AutoreplySettings {
  return {
    enabled: body.enabled,
    subject: body.subject ?? null,
    text: body.text,
    starts_at: readMomentOrNull(body.starts_at, '/starts_at'),
    ends_at: readMomentOrNull(body.ends_at, '/ends_at'),
    days: body.days ?? 7,
  }
}

function autoreplyView(settings: AutoreplySettings): Static<typeof AutoreplyView> {
  const { enabled, subject, text, days } = settings
  const dates = { starts_at: momentOrNull(settings.starts_at), ends_at: momentOrNull(settings.ends_at) }
  return { enabled, subject, text, days, ...dates }
}
