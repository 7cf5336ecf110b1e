import { type Html, html } from "./html.js";

/** What the figures do not say, and what the law does. */
export function limitsSection(): Html {
  return html`<section id="limits"><h2>Limits and legal notice</h2>
<div class="card prose">
<ul>
<li><strong>Research use only.</strong> These segmentations are not a medical device and no basis for diagnosis or treatment. A pathologist must check them before they are used as annotations.</li>
<li>The masks were learned from patch labels. Regions that always appear together with the labelled tissue can be segmented with it, and regions the classifier does not need can be missed.</li>
<li>The confidence intervals cover the choice of test patches. They do not cover another seed, scanner, stain or hospital.</li>
<li>Published figures of other methods rest on other splits and settings; compare with care.</li>
<li>The EP-SAM technique is the subject of Korean patent application 10-2024-0117533; using it, commercially above all, may need a licence from the applicants.</li>
<li>Method: EP-SAM, <cite>arXiv 2410.13621</cite>. This page comes from an independent implementation under the MIT licence. Pretrained weights and data keep their own licences.</li>
</ul>
</div>
</section>
`;
}
