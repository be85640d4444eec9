/** /v1/{mailboxes,domains,workspaces}/{id}/sending: limits with what is used of them, pausing and resuming. */

import { type Static, Type } from 'typebox'
import { changeSending, getSending } from '../delivery/limits/control.ts'
import type { SendingReport } from '../delivery/limits/report.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { LevelPath, levelRef, levels, type RouteLevel } from './levels.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const scopes = ['mailbox', 'domain', 'workspace'] as const
const reasonLengthMax = 200

const SendingView = Type.Object(
  {
    scope: OneOf(scopes),
    id: Id,
    paused: Nullable(
      Type.Object({
        scope: OneOf(scopes, 'What is paused: this, or what it belongs to.'),
        since: Moment,
        reason: Type.String(),
        by: Type.String({ description: 'A key or a session, or `platform` for an automatic pause.' }),
      }),
    ),
    first_sent_at: Nullable(Moment),
    ramp_up: Nullable(
      Type.Object({
        day: Type.Integer({ description: 'Days since the first sending.' }),
        max: Type.Integer({ description: 'Recipients that it allows in a day now.' }),
      }),
      'Null where it does not limit (any more).',
    ),
    limits: Type.Array(
      Type.Object({
        name: Type.String({ description: 'The setting of the delivery policy, or `ramp_up`.' }),
        window: OneOf(['hour', 'day'], 'A sliding one.'),
        counts: OneOf(['recipients', 'new_recipients']),
        max: Type.Integer(),
        used: Type.Integer(),
        remaining: Type.Integer(),
        resets_at: Moment,
      }),
      { description: 'Those of this level. One that is not set is left out.' },
    ),
    last_day: Type.Object(
      { recipients: Type.Integer(), bounced: Type.Integer(), complained: Type.Integer() },
      { description: 'What an automatic pause is judged by: the last 24 hours, or since it was resumed.' },
    ),
  },
  { title: 'Sending' },
)

const PauseBody = Type.Object(
  {
    reason: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: reasonLengthMax,
        description: 'Told to whoever tries to send.',
      }),
    ),
  },
  closed,
)

export function sendingRoutes(app: Api, platform: Platform): void {
  for (const level of levels) levelRoutes(app, platform, level)
}

function levelRoutes(app: Api, platform: Platform, level: RouteLevel): void {
  const { scope, path, tag, codes } = level
  const shared = { tags: [tag], params: LevelPath(level) }
  app.get(
    `${path}/sending`,
    {
      schema: {
        summary: `Get what a ${scope} may send, and has sent`,
        ...shared,
        response: { 200: SendingView, ...readProblems(...codes) },
      },
    },
    async (request) =>
      sendingView(await getSending(platform, callerOf(request), levelRef(level, request.params))),
  )
  app.post(
    `${path}/sending/pause`,
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: `Pause the sending of a ${scope}`,
        description: 'Nothing more is taken for sending, and what is queued is held until it is resumed.',
        ...shared,
        body: PauseBody,
        response: { 200: SendingView, ...postProblems(...codes) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { reason = 'paused by hand' } = request.body
        const wanted = levelRef(level, request.params)
        const report = await changeSending(platform, tx, callerOf(request), wanted, { reason })
        return { status: 200, body: sendingView(report) }
      }),
  )
  app.post(
    `${path}/sending/resume`,
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: `Resume the sending of a ${scope}`,
        description: `What the pause held goes out. ${scope === 'workspace' ? 'Only for keys of the whole organization.' : ''}`,
        ...shared,
        body: Type.Object({}, closed),
        response: { 200: SendingView, ...postProblems(...codes) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const report = await changeSending(
          platform,
          tx,
          callerOf(request),
          levelRef(level, request.params),
          null,
        )
        return { status: 200, body: sendingView(report) }
      }),
  )
}

function sendingView(report: SendingReport): Static<typeof SendingView> {
  const { paused } = report
  return {
    scope: report.scope,
    id: report.scopeId,
    paused: paused === null ? null : { ...paused, since: paused.since.toISOString() },
    first_sent_at: momentOrNull(report.firstSentAt),
    ramp_up: report.rampUp,
    limits: report.limits.map((limit) => ({
      name: limit.name,
      window: limit.span,
      counts: limit.counts,
      max: limit.max,
      used: limit.used,
      remaining: limit.remaining,
      resets_at: limit.resetsAt.toISOString(),
    })),
    last_day: report.lastDay,
  }
}
