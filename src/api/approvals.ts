/** /v1/approvals: messages that wait until somebody other than their sender lets them go. */

import { type Static, Type } from 'typebox'
import { approvePrepared, prepareApproval, rejectApproval } from '../delivery/approvals/decide.ts'
import type { Edit } from '../delivery/approvals/edit.ts'
import { type ApprovalFilter, getApprovalDetail, listApprovals } from '../delivery/approvals/find.ts'
import { approvalStates } from '../delivery/approvals/tables.ts'
import type { Person } from '../delivery/submission/compose.ts'
import { personOf, submissionLimits } from '../delivery/submission/submit.ts'
import { oneLine } from '../delivery/submission/written.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { ApprovalDetailView, ApprovalView, approvalDetailView, approvalView } from './approval-view.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { prepared, preparedValue } from './new-message.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'

const tags = ['approvals']
const filter = { ...pageQuery, state: Type.Optional(OneOf(approvalStates)) }
const ListQuery = Type.Object(
  {
    ...filter,
    mailbox: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1000, description: 'The sender’s id or address.' }),
    ),
  },
  closed,
)
const ApprovalPath = Type.Object({ approval: Type.String({ description: 'Its id.' }) })

const People = Type.Array(Type.String({ maxLength: apiLimits.addressLengthMax }), {
  maxItems: submissionLimits.recipientsMax,
})
const Text = Type.String({ maxLength: apiLimits.messageBodyBytesMax })

const ApproveBody = Type.Object(
  {
    edit: Type.Optional(
      Type.Object(
        {
          to: Type.Optional(People),
          cc: Type.Optional(People),
          bcc: Type.Optional(People),
          subject: Type.Optional(Type.String({ maxLength: 998 })),
          text: Type.Optional(Text),
          html: Type.Optional(Text),
        },
        {
          ...closed,
          description:
            'What is left out stays, but of `text` and `html` give both to keep both: a message that would still say ' +
            'in one what was changed in the other is not sent.',
        },
      ),
    ),
  },
  closed,
)

const RejectBody = Type.Object(
  {
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 1000, description: 'The sender sees it.' })),
  },
  closed,
)

export function approvalRoutes(app: Api, platform: Platform): void {
  listRoutes(app, platform)
  app.get(
    '/v1/approvals/:approval',
    {
      schema: {
        summary: 'Get a message that waits for an approval',
        description: 'With its recipients, its texts and its attachments as they would go.',
        tags,
        params: ApprovalPath,
        response: { 200: ApprovalDetailView, ...readProblems('approval_not_found') },
      },
    },
    async (request) =>
      approvalDetailView(await getApprovalDetail(platform, scopeOf(request), request.params.approval)),
  )
  approveRoute(app, platform)
  rejectRoute(app, platform)
}

function listRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/approvals',
    {
      schema: {
        summary: 'List messages that wait for an approval',
        description: 'And for thirty days what became of them; the oldest first.',
        tags,
        querystring: ListQuery,
        response: { 200: PageOf(ApprovalView), ...readProblems('invalid_cursor', 'mailbox_not_found') },
      },
    },
    async (request) => list(platform, scopeOf(request), request.query.mailbox ?? null, request.query),
  )
  app.get(
    '/v1/mailboxes/:mailbox/approvals',
    {
      schema: {
        summary: 'List a mailbox’s messages that wait for an approval',
        description:
          'A message that waits is here alone: it is not in Sent, nor in the queue, before it is approved.',
        tags,
        params: MailboxPath,
        querystring: Type.Object(filter, closed),
        response: { 200: PageOf(ApprovalView), ...readProblems('invalid_cursor', 'mailbox_not_found') },
      },
    },
    async (request) => list(platform, scopeOf(request), request.params.mailbox, request.query),
  )
}

async function list(
  platform: Platform,
  scope: ReturnType<typeof scopeOf>,
  mailbox: string | null,
  query: { limit?: number; cursor?: string; state?: NonNullable<ApprovalFilter['state']> },
) {
  const wanted: ApprovalFilter = {
    ...(query.state === undefined ? {} : { state: query.state }),
    ...(mailbox === null ? {} : { mailboxId: (await getMailbox(platform, scope, mailbox)).id }),
  }
  return pageView(await listApprovals(platform, scope, wanted, pageRequest(query)), approvalView)
}

function approveRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/approvals/:approval/approve',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Approve a message, and send it',
        description:
          'It goes under the rules of this moment: limits, suppressions, the state of the mailbox. Whoever sent it, and ' +
          'a key that is bound to a mailbox, cannot approve. Of decisions at the same moment one counts.',
        tags,
        params: ApprovalPath,
        body: ApproveBody,
        response: {
          200: ApprovalView,
          ...postProblems(
            'approval_not_found',
            'approval_state_conflict',
            'mailbox_not_found',
            'mailbox_state_conflict',
            'recipient_blocked',
            'recipient_refused',
            'sending_limit_reached',
            'sending_paused',
            'sending_not_allowed',
            'quota_exceeded',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const edit = toEdit(request.body.edit ?? {})
      const ready = await prepared(request, () =>
        prepareApproval(platform, scope, request.params.approval, edit),
      )
      return await mutate(platform, request, reply, async (tx) => {
        const approved = await approvePrepared(platform, tx, scope, preparedValue(ready))
        return { status: 200, body: approvalView(approved) }
      })
    },
  )
}

function rejectRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/approvals/:approval/reject',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Reject a message',
        description: 'It is not sent. What it was stays readable here for thirty days.',
        tags,
        params: ApprovalPath,
        body: RejectBody,
        response: { 200: ApprovalView, ...postProblems('approval_not_found', 'approval_state_conflict') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { approval } = request.params
        const reason = request.body.reason ?? null
        const rejected = await rejectApproval(platform, tx, scopeOf(request), approval, reason)
        return { status: 200, body: approvalView(rejected) }
      }),
  )
}

/** @throws Refusal invalid_request that points at everything that is no address. */
function toEdit(body: NonNullable<Static<typeof ApproveBody>['edit']>): Edit {
  const problems: FieldProblem[] = []
  const people = (name: 'to' | 'cc' | 'bcc'): Pick<Edit, typeof name> => {
    const given = body[name]
    if (given === undefined) return {}
    const list = given.flatMap((text, index): Person[] => {
      const person = personOf(text)
      if (person === null) problems.push({ pointer: `/edit/${name}/${index}`, detail: 'is not an address' })
      return person === null ? [] : [person]
    })
    return { [name]: list }
  }
  const edit: Edit = {
    ...people('to'),
    ...people('cc'),
    ...people('bcc'),
    ...(body.subject === undefined ? {} : { subject: oneLine(body.subject) }),
    ...(body.text === undefined ? {} : { text: body.text }),
    ...(body.html === undefined ? {} : { html: body.html }),
  }
  if (problems.length > 0) throw new Refusal('invalid_request', undefined, { fields: problems })
  return edit
}
