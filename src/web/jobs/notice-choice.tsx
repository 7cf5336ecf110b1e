import { useState } from "preact/hooks";
import { announce, Check } from "../interface/index.js";
import { jobNotices } from "../interface/preferences.js";
import { noticePermission, showNotice } from "./job-ends.js";

/** Whether the browser tells when a job ends; it is asked for its permission only when somebody wants that. */
export function NoticeChoice() {
  const [permission, setPermission] = useState(noticePermission);
  if (permission === "none") {
    return <p class="hint">The title of this page tells when a job ends.</p>;
  }
  const choose = async (wanted: boolean) => {
    const given = wanted ? await Notification.requestPermission() : permission;
    setPermission(given);
    jobNotices.value = "off";
    if (!wanted) return;
    if (given !== "granted") announce("The browser does not allow notifications from this page.");
    else if (showNotice("Ends of jobs are told like this.", "ep-sam") !== null) jobNotices.value = "on";
    else setPermission("none");
  };
  return (
    <div>
      <Check
        checked={jobNotices.value === "on" && permission === "granted"}
        onChange={(wanted) => void choose(wanted)}
      >
        Let the browser tell when a job ends while I am elsewhere
      </Check>
      {permission === "denied" ? (
        <p class="hint">
          The browser does not allow notifications from this page: its settings for this address change that.
          The title of the page tells in any case.
        </p>
      ) : null}
    </div>
  );
}
