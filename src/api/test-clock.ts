/** POST /v1/test/clock: moves the platform's time forward, where MAILWRIGHT_TEST_CLOCK allows it. */
import { Type } from 'typebox'
import { requireOrganization, requireWrite } from '../accounts/principals.ts'
import { isDuration } from '../platform/clock.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems } from './problem-view.ts'
import { type Api, closed, Moment } from './schemas.ts'

const ClockBody = Type.Object(
  { advance: Type.String({ maxLength: 100, description: 'An ISO 8601 duration, such as P1M or PT90S.' }) },
  closed,
)

export function testClockRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/test/clock',
    {
      schema: {
        summary: 'Move the time forward',
        description:
          'For tests, on a server that was started with MAILWRIGHT_TEST_CLOCK=1; by organization keys.',
        tags: ['tests'],
        body: ClockBody,
        response: { 200: Type.Object({ now: Moment }), ...postProblems('test_clock_off') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async () => {
        const { principal } = callerOf(request)
        requireOrganization(principal)
        requireWrite(principal)
        const { advance } = platform.clock
        if (advance === null) throw new Refusal('test_clock_off')
        if (!isDuration(request.body.advance)) {
          const fields = [{ pointer: '/advance', detail: 'is no ISO 8601 duration' }]
          throw new Refusal('invalid_request', undefined, { fields })
        }
        return { status: 200, body: { now: moved(advance, request.body.advance).toISOString() } }
      }),
  )
}

function moved(advance: (duration: string) => Date, duration: string): Date {
  try {
    return advance(duration)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const fields = [{ pointer: '/advance', detail: 'leads to a time that no date can hold' }]
    throw new Refusal('invalid_request', undefined, { fields, cause })
  }
}
