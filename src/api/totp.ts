/** /v1/mailboxes/{mailbox}/totp: two-factor authentication of a mailbox. Replies with a secret are not to be kept. */

import { Type } from 'typebox'
import type { Mailbox } from '../mailboxes/tables.ts'
import {
  checkTotp,
  confirmableMailbox,
  confirmTotp,
  disableTotp,
  enrolTotp,
  renewRecoveryCodes,
  viewTotp,
} from '../mailboxes/totp.ts'
import { Refusal } from '../platform/errors.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { AnyOf, type Api, closed, noStore } from './schemas.ts'
import {
  RecoveryCodesView,
  TotpCheckBody,
  TotpCheckView,
  TotpDisableQuery,
  TotpEnabledView,
  TotpEnrolBody,
  TotpEnrolmentView,
  TotpStatusView,
  TotpVerifyBody,
  totpEnabledView,
  totpStatusView,
} from './totp-view.ts'

const tags = ['mailboxes']

export function totpRoutes(app: Api, platform: Platform): void {
  statusRoute(app, platform)
  enrolRoute(app, platform)
  verifyRoute(app, platform)
  checkRoute(app, platform)
  recoveryCodesRoute(app, platform)
  disableRoute(app, platform)
}

function statusRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/totp',
    {
      schema: {
        summary: 'Show whether two-factor authentication is on, and the present code where that is allowed',
        tags,
        params: MailboxPath,
        response: { 200: TotpStatusView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const status = await viewTotp(platform, tx, scopeOf(request), request.params.mailbox)
        return { status: 200, body: totpStatusView(status), headers: noStore }
      }),
  )
}

function enrolRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/totp',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Enrol: make the secret of two-factor authentication',
        description: 'Nothing changes for those who log in until a code of it is verified.',
        tags,
        params: MailboxPath,
        body: TotpEnrolBody,
        response: {
          200: OrPreview(TotpEnrolmentView),
          201: TotpEnrolmentView,
          ...postProblems(
            'mailbox_not_found',
            'totp_unsupported',
            'totp_state_conflict',
            'totp_secret_invalid',
          ),
        },
      },
      config: { documented: { replies: { 200: PreviewView } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const given = request.body.secret ?? null
      const { mailbox: ref } = request.params
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { mailbox } = await enrolTotp(platform, tx, scope, ref, given)
          return touched(mailbox, [
            'A secret is made. Logins stay as they are until a code of it is verified.',
          ])
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { enrolment } = await enrolTotp(platform, tx, scope, ref, given)
        return { status: 201, body: enrolment, headers: noStore }
      })
    },
  )
}

function verifyRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/totp/verify',
    {
      schema: {
        summary: 'Turn two-factor authentication on by a code of the secret',
        description:
          'From then on the password does not log in to IMAP, POP3 and SMTP; the app password of the reply does. ' +
          'Sessions that are open stay open. A preview does not judge the code.',
        tags,
        params: MailboxPath,
        body: TotpVerifyBody,
        response: {
          200: OrPreview(TotpEnabledView),
          ...postProblems(
            'mailbox_not_found',
            'totp_unsupported',
            'totp_state_conflict',
            'totp_code_wrong',
            'totp_paused',
            'app_password_limit_reached',
          ),
        },
      },
      config: { documented: { replies: { 200: AnyOf(TotpEnabledView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { code } = request.body
      const { mailbox: ref } = request.params
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) =>
          touched(await confirmableMailbox(platform, tx, scope, ref), [
            'The password does not log in to IMAP, POP3 and SMTP any more. Sessions that are open stay open.',
            'Ten recovery codes and an app password for mail clients are made.',
          ]),
        )
      }
      // A wrong code is counted by what is committed, and refused afterwards.
      const body = await mutate(platform, request, reply, async (tx) => {
        const enabled = await confirmTotp(platform, tx, scope, ref, code)
        return { status: 200, body: enabled && totpEnabledView(enabled), headers: noStore }
      })
      if (body === null) throw new Refusal('totp_code_wrong')
      return body
    },
  )
}

function checkRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/totp/check',
    {
      schema: {
        summary: 'Check a code or a recovery code, and use it up',
        description: 'For programs that log people in, after the password.',
        tags,
        params: MailboxPath,
        body: TotpCheckBody,
        response: {
          200: TotpCheckView,
          ...postProblems('mailbox_not_found', 'totp_state_conflict', 'totp_paused'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox: ref } = request.params
        const body = await checkTotp(platform, tx, scopeOf(request), ref, request.body.code)
        return { status: 200, body, headers: noStore }
      }),
  )
}

function recoveryCodesRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/totp/recovery-codes',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Make ten new recovery codes; those before are void',
        tags,
        params: MailboxPath,
        body: Type.Object({}, closed),
        response: {
          200: Type.Object({ recovery_codes: RecoveryCodesView }),
          ...postProblems('mailbox_not_found', 'totp_state_conflict'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const codes = await renewRecoveryCodes(platform, tx, scopeOf(request), request.params.mailbox)
        return { status: 200, body: { recovery_codes: codes }, headers: noStore }
      }),
  )
}

function disableRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/mailboxes/:mailbox/totp',
    {
      schema: {
        summary: 'Turn two-factor authentication off, or give an enrolment up',
        description: 'The secret and the recovery codes go. App passwords stay.',
        tags,
        params: MailboxPath,
        querystring: TotpDisableQuery,
        response: {
          200: OrPreview(Type.Object({})),
          204: Type.Null({ description: 'It is off.' }),
          ...writeProblems('mailbox_not_found', 'totp_state_conflict'),
        },
      },
      config: { documented: { replies: { 200: PreviewView } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) =>
          touched(await disableTotp(platform, tx, scope, ref), [
            'The password logs in to IMAP, POP3 and SMTP again. App passwords stay.',
            'The secret and the recovery codes go for good.',
          ]),
        )
      }
      return mutate(platform, request, reply, async (tx) => {
        await disableTotp(platform, tx, scope, ref)
        return { status: 204, body: undefined }
      })
    },
  )
}

function touched({ id, address, state }: Mailbox, notes: string[]): Preview {
  return { objects: [{ type: 'mailbox', action: 'update', id, name: address, state }], notes }
}
