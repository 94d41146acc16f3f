// An empty message is not announced.
const message = document.getElementById("message");
if (!message.textContent.trim()) message.hidden = true;
