/** What a sender reads of each class of refusal, and the status of RFC 3463 where the other server gave none. */
import type { BounceClass } from './classify.ts'

export type ClassWords = {
  /** What happened, one sentence. */
  what: string
  /** What the sender can do about it. */
  advice: string
  /** Subject and detail of RFC 3463 §3, without the class digit. */
  status: string
}

export const classWords: Readonly<Record<BounceClass, ClassWords>> = {
  unknown_recipient: {
    what: 'The address does not exist.',
    advice: 'Look for a typing error, or ask the recipient for the address in another way.',
    status: '1.1',
  },
  mailbox_full: {
    what: 'The recipient’s mailbox is full.',
    advice: 'Try again in some days, or tell the recipient in another way.',
    status: '2.2',
  },
  mailbox_unavailable: {
    what: 'The recipient’s mailbox takes no mail: it is disabled or suspended.',
    advice: 'Ask the recipient for another address.',
    status: '2.1',
  },
  blocked: {
    what: 'The recipient’s server does not accept mail from this server or sender: the address or the domain is on a block list.',
    advice: 'Tell whoever runs this mail server; the reply below often says where to ask for removal.',
    status: '7.1',
  },
  spam: {
    what: 'The recipient’s server takes the message for spam.',
    advice:
      'Change its text and its links before you send it again, or ask the recipient to allow your address.',
    status: '7.1',
  },
  policy: {
    what: 'The recipient’s server does not accept this message by its rules.',
    advice: 'The reply below may say which rule it is. Ask the recipient to allow your address.',
    status: '7.1',
  },
  authentication: {
    what: 'The recipient’s server could not prove that the message comes from your domain (SPF, DKIM, DMARC).',
    advice: 'Tell whoever runs your domain: its DNS records are missing or do not fit.',
    status: '7.26',
  },
  rate_limited: {
    what: 'The recipient’s server takes no more mail at the moment: there were too many messages.',
    advice: 'Send it again later, and fewer at once.',
    status: '7.0',
  },
  greylisted: {
    what: 'The recipient’s server asks unknown senders to come again, and did not accept the message when it was.',
    advice: 'Send it again, or tell the recipient in another way.',
    status: '7.1',
  },
  message_too_large: {
    what: 'The message is too large for the recipient’s server.',
    advice: 'Make the attachments smaller, or send a link to them.',
    status: '3.4',
  },
  content: {
    what: 'The recipient’s server does not accept what is in the message, such as the type of an attachment.',
    advice: 'Leave the attachment out, or send it in another form.',
    status: '6.0',
  },
  routing: {
    what: 'The server that the recipient’s domain names does not take mail for it.',
    advice: 'Look for a typing error in the domain; else tell the recipient in another way.',
    status: '4.4',
  },
  tls: {
    what: 'No secure connection to the recipient’s server could be made, and one was needed.',
    advice: 'Tell the recipient in another way that their mail server has a problem.',
    status: '7.10',
  },
  dns: {
    what: 'The recipient’s domain does not exist, or does not take mail.',
    advice: 'Look for a typing error in the part behind the @.',
    status: '1.2',
  },
  connection: {
    what: 'The recipient’s server could not be reached.',
    advice: 'Try again later, or tell the recipient in another way.',
    status: '4.1',
  },
  protocol: {
    what: 'The recipient’s server did not understand the message, or this server.',
    advice: 'Tell whoever runs this mail server.',
    status: '5.0',
  },
  expired: {
    what: 'The message could not be delivered in the time that it is tried for.',
    advice: 'Send it again later, or tell the recipient in another way.',
    status: '4.7',
  },
  suppressed: {
    what: 'The message was not sent: the address is on your suppression list, since earlier mail to it bounced or its owner does not want any.',
    advice: 'If you know that the address is good, take it off the list and send the message again.',
    status: '7.1',
  },
  cancelled: {
    what: 'The message was taken back before it was sent.',
    advice: 'Send it again if you want it to be delivered.',
    status: '0.0',
  },
  other: {
    what: 'The recipient’s server did not accept the message.',
    advice: 'The reply below says what is known.',
    status: '0.0',
  },
}

/** The words of a class as it stands in the queue's rows; of one that is not known, those of 'other'. */
export function wordsOf(name: string | null): ClassWords {
  const found = Object.entries(classWords).find(([key]) => key === name)
  return found ? found[1] : classWords.other
}
